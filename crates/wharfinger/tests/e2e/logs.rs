//! The logs: what every change leaves, who may read it, and how it is read.

use serde_json::{Value, json};

use crate::support::{Answer, EVERY_SCOPE, Engine, Image, Server, each_engine, now_s, tag_path};

const REPOSITORY: &str = "admin/app";
const LOGS: &str = "/api/v1/repository/admin/app/logs";

/// Every page of a log, newest first; `query` begins with `?`.
fn entries(server: &Server, path: &str, query: &str) -> Vec<Value> {
    let (mut entries, mut token) = (Vec::new(), String::new());
    loop {
        let answer = server.by_admin("GET", &format!("{path}{query}&next_page={token}")).send();
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = answer.json();
        let listed = page["logs"].as_array().unwrap();
        assert!(!listed.is_empty() && listed.len() <= 20, "{page}");
        entries.extend(listed.iter().cloned());
        match page.get("next_page") {
            Some(next) => token = next.as_str().unwrap().to_owned(),
            None => return entries,
        }
    }
}

fn kinds(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect()
}

/// What was done to leave one entry of each kind.
struct Done {
    one: String,
    two: String,
    end: i64,
    blob: wharfinger_model::Digest,
}

fn do_everything(server: &Server) -> Done {
    server.create_repository(REPOSITORY, "private");
    let one = server.push(REPOSITORY, "v1", &Image::of("one"));
    let two = server.push(REPOSITORY, "v1", &Image::of("two"));
    let end = now_s() + 1000;
    for body in [
        json!({"manifest_digest": one}),
        json!({"manifest_digest": two}),
        json!({"expiration": end}),
        json!({"expiration": null}),
        json!({"immutable": true}),
        json!({"immutable": false}),
    ] {
        server.changes(REPOSITORY, "new", &body);
    }
    server.delete_tag(REPOSITORY, "new").is_empty(204);
    server.restore(REPOSITORY, "v1", &one).is(201, json!({}));
    let token = server.push_token(REPOSITORY);
    let delete = |rest: &str| {
        let call = server.v2(&token, "DELETE", REPOSITORY, rest).header("user-agent", "cleaner/1");
        call.send().is_empty(202);
    };
    delete("manifests/v1");
    delete(&format!("manifests/{two}"));
    let blob = b"a blob of no image";
    server.push_blob(&token, REPOSITORY, blob).send().is_empty(201);
    let blob = wharfinger_model::Digest::sha256(blob);
    delete(&format!("blobs/{blob}"));
    Done { one, two, end, blob }
}

#[test]
fn every_change_leaves_an_entry_that_says_what_was_and_what_is() {
    each_engine(|server| {
        let Done { one, two, end, blob } = do_everything(&server);
        let entries = entries(&server, LOGS, "?");
        let mut entries = entries.iter().rev();
        let mut next = |kind: &str, expected: Value| {
            let entry = entries.next().unwrap_or_else(|| panic!("no {kind}"));
            assert_eq!(entry["kind"], kind, "{entry}");
            assert_eq!(
                (&entry["performer"]["name"], &entry["performer"]["kind"], &entry["performer"]["is_robot"]),
                (&json!("admin"), &json!("user"), &json!(false)),
                "{entry}"
            );
            assert_eq!(entry["ip"], "127.0.0.1");
            let metadata = &entry["metadata"];
            let common = json!({"repo": "app", "namespace": "admin", "username": "admin"});
            for (key, value) in expected.as_object().unwrap().iter().chain(common.as_object().unwrap()) {
                assert_eq!(metadata[key], *value, "{key} of {entry}");
            }
            assert!(metadata["oauth_token_id"].is_i64(), "{entry}");
            assert_eq!(metadata["oauth_token_application"], "automation");
        };
        next("create_repo", json!({}));
        for (digest, old) in [(&one, None), (&two, Some(&one))] {
            let expected = json!({"tag": "v1", "manifest_digest": digest, "original_manifest_digest": old});
            next("push_repo", expected);
        }
        let moved = |digest: &str, old: Option<&str>| json!({"tag": "new", "manifest_digest": digest, "original_manifest_digest": old});
        next("create_tag", moved(&one, None));
        next("move_tag", moved(&two, Some(&one)));
        next("change_tag_expiration", json!({"expiration_date": end, "old_expiration_date": null}));
        next("change_tag_expiration", json!({"expiration_date": null, "old_expiration_date": end * 1000}));
        next("change_tag_immutability", json!({"immutable": true, "previous_immutable": false}));
        next("change_tag_immutability", json!({"immutable": false, "previous_immutable": true}));
        next("delete_tag", json!({"tag": "new", "digest": two}));
        next("revert_tag", json!({"tag": "v1", "manifest_digest": one, "original_manifest_digest": two}));
        next("delete_tag", json!({"tag": "v1", "digest": one, "user-agent": "cleaner/1"}));
        next("delete_manifest", json!({"manifest_digest": two, "user-agent": "cleaner/1"}));
        next("delete_blob", json!({"blob_digest": blob, "user-agent": "cleaner/1"}));
        assert_eq!(entries.next(), None, "pulls and pushes of blobs leave none");
    });
}

#[test]
fn what_is_refused_leaves_no_entry() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
    server.changes(REPOSITORY, "v1", &json!({"immutable": true}));
    let before = entries(&server, LOGS, "?");
    for (method, rest, body) in [
        ("PUT", "v1", json!({"manifest_digest": digest})),
        ("PUT", "missing", json!({"immutable": true})),
        ("POST", "v1/restore", json!({"manifest_digest": digest})),
        ("DELETE", "v1", json!({})),
    ] {
        let answer = server.by_admin(method, &tag_path(REPOSITORY, rest)).json(&body).send();
        assert!(answer.status >= 400, "{answer:?}");
    }
    assert_eq!(entries(&server, LOGS, "?"), before);
}

#[test]
fn a_log_comes_in_pages_newest_first_and_nothing_twice() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
        for number in 0..44 {
            server.changes(REPOSITORY, &format!("t{number}"), &json!({"manifest_digest": digest}));
        }
        let first = server.by_admin("GET", LOGS).send();
        let second = first.json()["next_page"].as_str().unwrap().to_owned();
        server.changes(REPOSITORY, "late", &json!({"manifest_digest": digest}));
        let tags = |entries: &[Value]| {
            let tags = entries.iter().filter_map(|entry| entry["metadata"]["tag"].as_str());
            tags.map(str::to_owned).collect::<Vec<_>>()
        };
        let page = |answer: &Answer| tags(answer.json()["logs"].as_array().unwrap());
        let numbered = |range: std::ops::Range<usize>| {
            range.rev().map(|number| format!("t{number}")).collect::<Vec<_>>()
        };
        assert_eq!(page(&first), numbered(24..44));
        let answer = server.by_admin("GET", &format!("{LOGS}?next_page={second}")).send();
        assert_eq!(page(&answer), numbered(4..24), "what came in the meantime moves nothing");
        let all = tags(&entries(&server, LOGS, "?"));
        assert_eq!((all.len(), all[0].as_str(), all[45].as_str()), (46, "late", "v1"));
        for bad in ["x", "%00", "!!!", &second[1..], &"9".repeat(3000)] {
            let answer = server.by_admin("GET", &format!("{LOGS}?next_page={bad}")).send();
            assert_eq!(page(&answer)[0], "late", "a bad token begins at the first page");
        }
    });
}

#[test]
fn dates_bound_a_log_and_the_last_day_is_in_it() {
    each_engine(|server| {
        server.push(REPOSITORY, "v1", &Image::of("one"));
        let day = |offset: i64| {
            let text = crate::support::date(&json!(now_s() + offset * 86_400));
            let parts: Vec<_> = text.split(' ').collect();
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let month = months.iter().position(|month| *month == parts[2]).unwrap() + 1;
            format!("{month:02}/{}/{}", parts[1], parts[3])
        };
        let count = |query: &str| {
            let answer = server.by_admin("GET", &format!("{LOGS}?{query}")).send();
            assert_eq!(answer.status, 200, "{query}: {answer:?}");
            answer.json()["logs"].as_array().unwrap().len()
        };
        let all = count("");
        assert!(all >= 2);
        let (yesterday, today, tomorrow) = (day(-1), day(0), day(1));
        assert_eq!(count(&format!("starttime={yesterday}&endtime={tomorrow}")), all);
        assert_eq!(count(&format!("starttime={}&endtime={}", day(-3), day(-2))), 0);
        assert_eq!(count(&format!("starttime={}&endtime={}", day(2), day(2))), 0);
        for unread in ["starttime=x", "endtime=2026-01-01", "starttime=13/13/2026&endtime=%00", "starttime="]
        {
            assert_eq!(count(unread), all, "{unread}");
        }
        for (start, end) in
            [(today.as_str(), yesterday.as_str()), (&tomorrow, "01/01/1970"), ("12/31/9999", "")]
        {
            for path in [LOGS, "/api/v1/repository/admin/app/aggregatelogs", "/api/v1/user/logs"] {
                let answer =
                    server.by_admin("GET", &format!("{path}?starttime={start}&endtime={end}")).send();
                answer.is(400, json!({"message": "endtime must not lie before starttime"}));
            }
        }
        let page = server.by_admin("GET", &format!("{LOGS}?starttime=08/01/2026&endtime=08/02/2026")).send();
        let page = page.json();
        assert_eq!(
            (&page["start_time"], &page["end_time"]),
            (&json!("Sat, 01 Aug 2026 00:00:00 -0000"), &json!("Mon, 03 Aug 2026 00:00:00 -0000"))
        );
    });
}

#[test]
fn a_namespaces_log_has_all_of_its_repositories_and_can_be_asked_for_one_performer() {
    each_engine(|server| {
        server.add_user("bob");
        server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
        server.create_repository("acme/app", "private");
        server.give_role("acme/app", "bob", "write");
        let digest = server.push("acme/app", "v1", &Image::of("one"));
        let bob = server.token("bob", EVERY_SCOPE);
        let body = json!({"manifest_digest": digest});
        server.call("PUT", &tag_path("acme/app", "v2")).bearer(&bob).json(&body).send();
        server.by_admin("DELETE", "/api/v1/repository/acme/app").send().is_empty(204);
        let log = "/api/v1/organization/acme/logs";
        let all =
            ["delete_repo", "create_tag", "push_repo", "change_repo_permission", "create_repo", "org_create"];
        assert_eq!(kinds(&entries(&server, log, "?")), all);
        assert_eq!(kinds(&entries(&server, log, "?performer=bob")), ["create_tag"]);
        for nobody in ["nobody", "%00", "acme"] {
            let answer = server.by_admin("GET", &format!("{log}?performer={nobody}")).send();
            assert_eq!((answer.status, &answer.json()["logs"]), (200, &json!([])), "{nobody}");
        }
        let totals = server.by_admin("GET", "/api/v1/organization/acme/aggregatelogs").send().json();
        let totals = totals["aggregated"].as_array().unwrap();
        assert_eq!(totals.iter().map(|total| total["count"].as_i64().unwrap()).sum::<i64>(), 6);
        assert!(totals.iter().all(|total| total["datetime"].as_str().unwrap().ends_with(" 00:00:00 -0000")));
        // In one's own namespace is what was done there, by whomever.
        server.push(REPOSITORY, "v1", &Image::of("two"));
        assert_eq!(
            kinds(&entries(&server, "/api/v1/user/logs", "?")),
            ["push_repo", "create_repo", "user_create"]
        );
    });
}

#[test]
fn logs_are_for_those_who_administer() {
    let server = Server::start(Engine::Sqlite);
    for user in ["alice", "reader", "writer", "manager"] {
        server.add_user(user);
    }
    let alice = server.token("alice", EVERY_SCOPE);
    server.call("POST", "/api/v1/organization/").bearer(&alice).json(&json!({"name": "acme"})).send();
    server.create_repository_by(&alice, "acme/app", "public");
    for (user, role) in [("reader", "read"), ("writer", "write"), ("manager", "admin")] {
        server.give_role("acme/app", user, role);
    }
    let (unknown, low) = ((401, "invalid_token"), (403, "insufficient_scope"));
    let good = (200, "");
    let token = |user: &str, scopes: &str| Some(server.token(user, scopes));
    // For the log of the repository, of the organization, and of oneself.
    let callers = [
        ("nobody", None, unknown, unknown, unknown),
        ("a bad token", Some("x".repeat(40)), unknown, unknown, unknown),
        ("reader", token("reader", EVERY_SCOPE), low, low, good),
        ("writer", token("writer", EVERY_SCOPE), low, low, good),
        ("manager", token("manager", EVERY_SCOPE), good, low, good),
        ("manager's repo:write", token("manager", "repo:write"), low, low, low),
        ("alice", token("alice", EVERY_SCOPE), good, good, good),
        ("repo:admin", token("alice", "repo:admin"), good, low, low),
        ("org:admin", token("alice", "org:admin"), low, good, low),
        ("user:admin", token("alice", "user:admin"), low, low, good),
        ("user:read", token("alice", "user:read"), low, low, low),
        ("super:user", token("admin", "super:user"), good, good, low),
    ];
    for (name, token, repository, organization, own) in callers {
        for (path, (status, kind)) in
            [("repository/acme/app", repository), ("organization/acme", organization), ("user", own)]
        {
            for resource in ["logs", "aggregatelogs"] {
                let path = format!("/api/v1/{path}/{resource}");
                let call = |method: &str, query: &str| {
                    let call = server.call(method, &format!("{path}{query}"));
                    token.iter().fold(call, |call, token| call.bearer(token)).send()
                };
                let answer = call("GET", "");
                assert_eq!(answer.status, status, "{name}: {path}: {answer:?}");
                if status != 200 {
                    assert_eq!(answer.json()["error_type"], kind);
                    // Nobody hears what else is wrong before that.
                    assert_eq!(call("GET", "?starttime=01/02/2000&endtime=01/01/2000").status, status);
                }
                assert_eq!(call("HEAD", "").status, status, "{name}: {path}");
                assert_eq!(call("DELETE", "").status, 405, "{name}: {path}");
            }
        }
    }
}

#[test]
fn a_log_that_is_not_there_is_told_only_to_those_who_might_read_it() {
    let server = Server::start(Engine::Sqlite);
    server.add_user("alice");
    let alice = server.token("alice", EVERY_SCOPE);
    for path in ["repository/admin/missing/logs", "organization/missing/logs", "organization/admin/logs"] {
        let path = format!("/api/v1/{path}");
        let answer = server.call("GET", &path).bearer(&alice).send();
        answer.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
        server.by_admin("GET", &path).send().is_problem(&server.url, 404, "not_found", "Not Found");
    }
    let own = server.call("GET", "/api/v1/repository/alice/missing/logs").bearer(&alice).send();
    own.is_problem(&server.url, 404, "not_found", "Not Found");
    for path in ["organization/acme/logs/", "organization/acme/nothing", "organization//logs", "user/logs/"] {
        let answer = server.by_admin("GET", &format!("/api/v1/{path}")).send();
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
}
