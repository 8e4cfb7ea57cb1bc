//! Repositories as Quay's API lists, describes, freezes and deletes them, and who likes which.

use serde_json::{Value, json};

use crate::support::{Answer, EVERY_SCOPE, Engine, Image, Server, each_engine, tag_path};

const LIST: &str = "/api/v1/repository";
const STARRED: &str = "/api/v1/user/starred";

/// The full names on every page of a list.
fn every_page(server: &Server, token: Option<&str>, path: &str) -> Vec<String> {
    let (mut names, mut next) = (Vec::new(), String::new());
    loop {
        let call = server.call("GET", &format!("{path}&next_page={next}"));
        let answer = token.iter().fold(call, |call, token| call.bearer(token)).send();
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = answer.json();
        let listed = page["repositories"].as_array().unwrap();
        assert!(listed.len() <= 100, "{page}");
        let name = |item: &Value| {
            format!("{}/{}", item["namespace"].as_str().unwrap(), item["name"].as_str().unwrap())
        };
        names.extend(listed.iter().map(name));
        match page.get("next_page") {
            Some(token) => next = token.as_str().unwrap().to_owned(),
            None => return names,
        }
    }
}

#[test]
fn a_list_names_what_its_caller_may_read_and_tells_what_was_asked() {
    each_engine(|server| {
        server.add_user("alice");
        let alice = server.token("alice", EVERY_SCOPE);
        for (name, visibility) in
            [("admin/open", "public"), ("admin/given", "private"), ("admin/hidden", "private")]
        {
            server.create_repository(name, visibility);
        }
        server.create_repository_by(&alice, "alice/team/deep", "private");
        server.give_role("admin/given", "alice", "read");
        let names = |token: Option<&str>, query: &str| every_page(&server, token, &format!("{LIST}?{query}"));

        assert_eq!(names(None, "public=true"), ["admin/open"]);
        assert_eq!(names(None, "namespace=admin"), [""; 0]);
        assert_eq!(names(None, "namespace=admin&public=true"), ["admin/open"]);
        let alice = Some(alice.as_str());
        assert_eq!(names(alice, "public=true"), ["admin/given", "admin/open", "alice/team/deep"]);
        assert_eq!(names(alice, "namespace=alice"), ["alice/team/deep"]);
        assert_eq!(names(alice, "namespace=admin"), ["admin/given"]);
        assert_eq!(names(alice, "namespace=admin&public=1"), ["admin/given", "admin/open"]);
        for nothing in ["nobody", "admi", "alice/team", "alice%00", "%F0%9F%98%80", "~"] {
            assert_eq!(names(alice, &format!("namespace={nothing}&public=1")), [""; 0], "{nothing}");
        }
        assert_eq!(names(alice, "namespace=alice&repo_kind=application"), [""; 0]);
        // The ceiling of a token counts.
        let poor = server.token("alice", "user:read");
        assert_eq!(names(Some(&poor), "public=true"), ["admin/open"]);
        assert_eq!(names(Some(&poor), "namespace=alice"), [""; 0]);

        let refused = server.call("GET", &format!("{LIST}?public=false")).send();
        let said = "namespace, starred or public are required for this API call";
        refused.is_problem(&server.url, 400, "invalid_request", said);
        let refused = server.call("GET", &format!("{LIST}?starred=true")).send();
        refused.is_problem(&server.url, 401, "invalid_token", "Requires authentication");

        let query = format!("{LIST}?namespace=alice&last_modified=true&popularity=true");
        let listed = server.call("GET", &query).bearer(alice.unwrap()).send();
        listed.is(
            200,
            json!({"repositories": [{
                "namespace": "alice", "name": "team/deep", "description": "", "is_public": false,
                "kind": "image", "state": "NORMAL", "last_modified": null, "popularity": 0.0,
                "is_starred": false,
            }]}),
        );
        let anonymous = server.call("GET", &format!("{LIST}?public=true")).send();
        anonymous.is(
            200,
            json!({"repositories": [{
                "namespace": "admin", "name": "open", "description": "", "is_public": true,
                "kind": "image", "state": "NORMAL",
            }]}),
        );
    });
}

#[test]
fn a_long_list_comes_in_pages_and_a_bad_token_begins_anew() {
    each_engine(|server| {
        server.seed(|tx| {
            use wharfinger_store::{account, repository};
            let owner = account::by_name(tx, "admin")?.ok_or(wharfinger_store::Error::NoRow)?.id;
            for number in 0..205 {
                let name = format!("r{number:03}");
                let new = repository::NewRepository {
                    namespace: owner,
                    name: &name,
                    public: false,
                    description: None,
                };
                repository::insert(tx, &new, wharfinger_model::Timestamp::from_ms(0))?;
            }
            Ok(())
        });
        let expected: Vec<_> = (0..205).map(|number| format!("admin/r{number:03}")).collect();
        let path = format!("{LIST}?namespace=admin");
        assert_eq!(every_page(&server, Some(&server.admin), &path), expected);
        for bad in ["x", "%00", "AA", "____", &"A".repeat(3000)] {
            let page = server.by_admin("GET", &format!("{path}&next_page={bad}")).send().json();
            assert_eq!(page["repositories"].as_array().unwrap().len(), 100, "{bad}");
        }
    });
}

#[test]
fn the_list_tells_of_changes_and_pulls() {
    each_engine(|server| {
        server.create_repository("admin/app", "private");
        server.push("admin/app", "v1", &Image::of("one"));
        server.pull("admin/app", "v1").unwrap();
        let list = |server: &Server| {
            let query = format!("{LIST}?namespace=admin&last_modified=true&popularity=true");
            server.by_admin("GET", &query).send()
        };
        let listed = server.eventually(list, |page| page.json()["repositories"][0]["popularity"] != 0.0);
        let item = listed.json()["repositories"][0].clone();
        let tag = server.list("admin/app", "")["tags"][0].clone();
        assert_eq!(item["last_modified"], tag["start_ts"]);
        assert!(item["popularity"].as_f64().unwrap() >= 1.0, "{item}");
    });
}

#[test]
fn stars_are_ones_own_and_end_where_one_may_not_read() {
    each_engine(|server| {
        for name in ["alice", "bob"] {
            server.add_user(name);
        }
        let (alice, bob) = (server.token("alice", EVERY_SCOPE), server.token("bob", EVERY_SCOPE));
        server.create_repository("admin/app", "private");
        server.give_role("admin/app", "alice", "read");
        let star = |token: &str, namespace: &str, name: &str| {
            let body = json!({"namespace": namespace, "repository": name});
            server.call("POST", STARRED).bearer(token).json(&body).send()
        };
        let starred = |token: &str| every_page(&server, Some(token), &format!("{STARRED}?"));
        for _ in 0..2 {
            star(&alice, "admin", "app").is(201, json!({"namespace": "admin", "repository": "app"}));
        }
        for missing in ["app", "nothing", "NOT A NAME"] {
            let answer = star(&bob, "admin", missing);
            answer.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
        }
        assert_eq!((starred(&alice), starred(&bob)), (vec!["admin/app".to_owned()], vec![]));
        let view =
            |token: &str| server.call("GET", "/api/v1/repository/admin/app").bearer(token).send().json();
        assert_eq!(
            (&view(&alice)["is_starred"], &view(&server.admin)["is_starred"]),
            (&json!(true), &json!(false))
        );
        let list = format!("{LIST}?starred=true");
        assert_eq!(every_page(&server, Some(&alice), &list), ["admin/app"]);

        // The star stays, but tells nothing any more.
        let path = "/api/v1/repository/admin/app/permissions/user/alice";
        server.by_admin("DELETE", path).send().is_empty(204);
        assert_eq!(starred(&alice), [""; 0]);
        server.give_role("admin/app", "alice", "read");
        assert_eq!(starred(&alice), ["admin/app"]);
        for _ in 0..2 {
            let path = format!("{STARRED}/admin/app");
            server.call("DELETE", &path).bearer(&alice).send().is_empty(204);
        }
        assert_eq!(starred(&alice), [""; 0]);
        let nobody = server.call("GET", STARRED).send();
        nobody.is_problem(&server.url, 401, "invalid_token", "Requires authentication");
    });
}

fn set_state(server: &Server, repository: &str, state: &str) -> Answer {
    let path = format!("/api/v1/repository/{repository}/changestate");
    server.by_admin("PUT", &path).json(&json!({"state": state})).send()
}

#[test]
fn a_read_only_repository_is_pulled_from_and_not_changed_on_either_surface() {
    each_engine(|server| {
        server.create_repository("admin/app", "public");
        let digest = server.push("admin/app", "v1", &Image::of("one"));
        let before = server.push_token("admin/app");
        set_state(&server, "admin/app", "READ_ONLY").is(200, json!({"success": true}));
        let view = server.by_admin("GET", "/api/v1/repository/admin/app?includeTags=false").send().json();
        assert_eq!(
            (&view["state"], &view["can_write"], &view["can_admin"]),
            (&json!("READ_ONLY"), &json!(false), &json!(true))
        );

        let refused = |answer: Answer| {
            answer.is(503, json!({"message": "Repository is in read only or mirror mode: 1"}));
        };
        let by_admin =
            |method: &str, path: &str, body: Value| server.by_admin(method, path).json(&body).send();
        let tag = tag_path("admin/app", "v1");
        refused(by_admin("PUT", &tag, json!({"expiration": null})));
        refused(by_admin("PUT", &tag, json!(5)));
        refused(by_admin("DELETE", &tag, json!({})));
        refused(by_admin("POST", &format!("{tag}/restore"), json!({"manifest_digest": digest})));
        refused(by_admin("POST", &format!("{tag}/expire"), json!({"manifest_digest": digest})));
        let labels = format!("/api/v1/repository/admin/app/manifest/{digest}/labels");
        refused(by_admin("POST", &labels, json!({"key": "a", "value": "b", "media_type": null})));

        for (method, rest) in [
            ("POST", "blobs/uploads/".to_owned()),
            ("PUT", "manifests/v2".to_owned()),
            ("DELETE", "manifests/v1".to_owned()),
            ("DELETE", format!("manifests/{digest}")),
        ] {
            let answer = server.v2(&before, method, "admin/app", &rest).send();
            answer.is_oci_error(405, "DENIED");
            assert_eq!(answer.json()["errors"][0]["message"], "admin/app is in read-only mode.");
        }
        // A new token is for pulling alone.
        let answer = server.v2(&server.push_token("admin/app"), "POST", "admin/app", "blobs/uploads/").send();
        answer.is_oci_error(401, "UNAUTHORIZED");
        assert_eq!(server.pull("admin/app", "v1"), Ok(digest));
        let described = by_admin("PUT", "/api/v1/repository/admin/app", json!({"description": "kept"}));
        described.is(200, json!({"success": true}));

        set_state(&server, "admin/app", "NORMAL").is(200, json!({"success": true}));
        server.push("admin/app", "v2", &Image::of("two"));
        let refused = set_state(&server, "admin/app", "MIRROR");
        let said = "'MIRROR' is not one of ['NORMAL', 'READ_ONLY']";
        refused.is_problem(&server.url, 400, "invalid_request", said);
    });
}

#[test]
fn a_name_is_free_as_soon_as_its_repository_is_gone() {
    each_engine(|server| {
        server.create_repository("admin/team/app", "public");
        server.push("admin/team/app", "v1", &Image::of("one"));
        server.by_admin("DELETE", "/api/v1/repository/admin/team/app").send().is_empty(204);
        assert_eq!(every_page(&server, None, &format!("{LIST}?public=true")), [""; 0]);
        server.create_repository("admin/team/app", "private");
        assert_eq!(server.names("admin/team/app", ""), [""; 0]);
    });
}

#[test]
fn a_view_counts_what_was_done_on_each_of_the_last_days() {
    let server = Server::start(Engine::Sqlite);
    server.create_repository("admin/app", "private");
    server.push("admin/app", "v1", &Image::of("one"));
    let path = "/api/v1/repository/admin/app?includeStats=true&includeTags=false";
    let view = server.by_admin("GET", path).send().json();
    let stats = view["stats"].as_array().unwrap();
    assert_eq!(stats.len(), 92);
    assert_eq!(stats.iter().map(|day| day["count"].as_i64().unwrap()).sum::<i64>(), 2, "{stats:?}");
    let today = stats[0]["date"].as_str().unwrap();
    assert!(today.len() == 10 && today > stats[91]["date"].as_str().unwrap(), "{stats:?}");
    assert_eq!(view.get("tags"), None);
    let plain = server.by_admin("GET", "/api/v1/repository/admin/app").send().json();
    assert_eq!(plain.get("stats"), None);
}
