//! Organizations: their teams, members, collaborators, and their end.

use serde_json::{Value, json};

use crate::support::{Engine, Image, Server, each_engine};

const ACME: &str = "/api/v1/organization/acme";

fn found_acme(server: &Server) {
    let answer = server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
    answer.is(201, json!("Created"));
}

fn set_team(server: &Server, team: &str, role: &str) -> Value {
    let answer = server.by_admin("PUT", &format!("{ACME}/team/{team}")).json(&json!({"role": role})).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn add(server: &Server, team: &str, member: &str) {
    let answer = server.by_admin("PUT", &format!("{ACME}/team/{team}/members/{member}")).send();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Without the pictures, whose form is asserted.
fn plain(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            if let Some(avatar) = members.remove("avatar") {
                assert_eq!(avatar["hash"].as_str().unwrap().len(), 64);
                assert!(["user", "robot", "org", "team"].contains(&avatar["kind"].as_str().unwrap()));
            }
            members.values_mut().for_each(|member| *member = plain(member.take()));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| *value = plain(value.take())),
        _ => {}
    }
    value
}

#[test]
fn a_team_is_made_changed_filled_and_removed() {
    each_engine(|server| {
        found_acme(&server);
        server.add_user("bob");
        server.by_admin("PUT", &format!("{ACME}/robots/ci")).send();
        let body = json!({"role": "member", "description": "all of us"});
        let team = server.by_admin("PUT", &format!("{ACME}/team/staff")).json(&body).send().json();
        let mut expected = json!({
            "name": "staff", "description": "all of us", "can_view": true, "role": "member", "new_team": true,
        });
        assert_eq!(team["avatar"]["kind"], "team");
        assert_eq!(plain(team), expected);
        expected["new_team"] = json!(false);
        expected["role"] = json!("creator");
        assert_eq!(plain(set_team(&server, "staff", "creator")), expected);
        let members = format!("{ACME}/team/staff/members");
        let bob = json!({"name": "bob", "kind": "user", "is_robot": false, "invited": false});
        let answer = server.by_admin("PUT", &format!("{members}/bob")).send().json();
        assert_eq!(plain(answer), bob);
        let again = server.by_admin("PUT", &format!("{members}/bob")).send();
        again.is(400, json!({"message": "bob already belongs to team staff"}));
        add(&server, "staff", "acme+ci");
        let robot = json!({"name": "acme+ci", "kind": "user", "is_robot": true, "invited": false});
        let listed = server.by_admin("GET", &format!("{members}?includePending=true")).send().json();
        assert_eq!(plain(listed), json!({"name": "staff", "members": [robot, bob], "can_edit": true}));
        for unknown in ["nobody", "acme"] {
            let answer = server.by_admin("PUT", &format!("{members}/{unknown}")).send();
            answer.is_problem(&server.url, 400, "invalid_request", "Unknown user");
        }
        server.by_admin("DELETE", &format!("{members}/bob")).send().is_empty(204);
        let gone = server.by_admin("DELETE", &format!("{members}/bob")).send();
        gone.is(400, json!({"message": "User bob does not belong to team staff"}));
        server.by_admin("DELETE", &format!("{ACME}/team/staff")).send().is_empty(204);
        for (method, path) in [("DELETE", format!("{ACME}/team/staff")), ("GET", members)] {
            server.by_admin(method, &path).send().is_problem(&server.url, 404, "not_found", "Not Found");
        }
        for (name, body) in
            [("staff", json!({})), ("staff", json!({"role": "owner"})), ("S", json!({"role": "member"}))]
        {
            let answer = server.by_admin("PUT", &format!("{ACME}/team/{name}")).json(&body).send();
            assert_eq!(answer.status, 400, "{answer:?}");
        }
    });
}

#[test]
fn nobody_takes_the_last_team_that_administers_from_themselves() {
    let server = Server::start(Engine::Sqlite);
    found_acme(&server);
    server.add_user("bob");
    let owners = format!("{ACME}/team/owners");
    let message = |answer: crate::support::Answer| {
        assert_eq!(answer.status, 400, "{answer:?}");
        answer.json()["message"].as_str().unwrap().to_owned()
    };
    let demoted = server.by_admin("PUT", &owners).json(&json!({"role": "member"})).send();
    assert!(message(demoted).starts_with("Cannot remove admin from team 'owners'"));
    let deleted = server.by_admin("DELETE", &owners).send();
    assert!(
        message(deleted).starts_with("Deleting team 'owners' would remove admin ability for user 'admin'")
    );
    let left = server.by_admin("DELETE", &format!("{owners}/members/admin")).send();
    assert_eq!(message(left), "User cannot remove themselves from their only admin team.");
    let removed = server.by_admin("DELETE", &format!("{ACME}/members/admin")).send();
    assert_eq!(message(removed), "Cannot remove user as they are the only organization admin");
    // With another team that administers all of it is fine.
    set_team(&server, "bosses", "admin");
    add(&server, "bosses", "admin");
    server.by_admin("DELETE", &owners).send().is_empty(204);
    add(&server, "bosses", "bob");
    server.by_admin("DELETE", &format!("{ACME}/members/admin")).send().is_empty(204);
    let bob = server.token("bob", "org:admin");
    assert_eq!(server.call("GET", &format!("{ACME}/members")).bearer(&bob).send().status, 200);
}

#[test]
fn an_organization_shows_its_teams_to_members_and_its_settings_to_administrators() {
    each_engine(|server| {
        found_acme(&server);
        for name in ["bob", "stranger"] {
            server.add_user(name);
        }
        set_team(&server, "staff", "member");
        add(&server, "staff", "bob");
        let body =
            json!({"email": "it@example.com", "contact_email": "desk@example.com", "invoice_email": true});
        let view = plain(server.by_admin("PUT", ACME).json(&body).send().json());
        let team = |name: &str, role: &str, can_view: bool| {
            json!({
                "name": name, "description": "", "role": role, "can_view": can_view, "repo_count": 0,
                "member_count": 1, "is_synced": false,
            })
        };
        let expected = json!({
            "name": "acme", "email": "it@example.com", "is_admin": true, "is_member": true,
            "teams": {"owners": team("owners", "admin", true), "staff": team("staff", "member", true)},
            "ordered_teams": ["owners", "staff"],
            "contact_email": "desk@example.com", "invoice_email": true, "invoice_email_address": null,
            "tag_expiration_s": 1_209_600, "is_free_account": true,
        });
        assert_eq!(view, expected);
        let seen = |token: &str| plain(server.call("GET", ACME).bearer(token).send().json());
        let member = json!({
            "name": "acme", "email": "", "is_admin": false, "is_member": true,
            "teams": {"owners": team("owners", "admin", false), "staff": team("staff", "member", true)},
            "ordered_teams": ["owners", "staff"],
        });
        assert_eq!(seen(&server.token("bob", "org:admin")), member);
        let outside = json!({"name": "acme", "email": "", "is_admin": false, "is_member": false});
        assert_eq!(seen(&server.token("stranger", "org:admin")), outside);
        assert_eq!(plain(server.call("GET", ACME).send().json()), outside);
    });
}

#[test]
fn members_and_collaborators_are_told_apart() {
    each_engine(|server| {
        found_acme(&server);
        for name in ["bob", "carol"] {
            server.add_user(name);
        }
        server.create_repository("acme/web", "private");
        server.create_repository("acme/app", "private");
        set_team(&server, "staff", "member");
        add(&server, "staff", "bob");
        server.by_admin("PUT", &format!("{ACME}/robots/ci")).send();
        for (repository, user) in
            [("acme/web", "bob"), ("acme/web", "carol"), ("acme/app", "carol"), ("acme/app", "acme+ci")]
        {
            server.give_role(repository, user, "read");
        }
        let members = plain(server.by_admin("GET", &format!("{ACME}/members")).send().json());
        let bob =
            json!({"name": "bob", "kind": "user", "teams": [{"name": "staff"}], "repositories": ["web"]});
        let admin = json!({"name": "admin", "kind": "user", "teams": [{"name": "owners"}], "repositories": ["app", "web"]});
        assert_eq!(members, json!({"members": [admin, bob]}));
        assert_eq!(plain(server.by_admin("GET", &format!("{ACME}/members/bob")).send().json()), bob);
        let robot = json!({"name": "acme+ci", "kind": "robot", "teams": [], "repositories": ["app"]});
        assert_eq!(plain(server.by_admin("GET", &format!("{ACME}/members/acme+ci")).send().json()), robot);
        let outside = plain(server.by_admin("GET", &format!("{ACME}/collaborators")).send().json());
        let carol = json!({"name": "carol", "kind": "user", "repositories": ["app", "web"]});
        assert_eq!(outside, json!({"collaborators": [carol]}));
        for nobody in ["carol", "nobody"] {
            let answer = server.by_admin("GET", &format!("{ACME}/members/{nobody}")).send();
            answer.is_problem(&server.url, 404, "not_found", "Not Found");
        }
        server.by_admin("DELETE", &format!("{ACME}/members/bob")).send().is_empty(204);
        let bob = server.token("bob", "repo:read");
        assert_eq!(server.call("GET", "/api/v1/repository/acme/web").bearer(&bob).send().status, 403);
    });
}

#[test]
fn the_name_of_an_organization_that_was_deleted_is_free_at_once() {
    each_engine(|server| {
        found_acme(&server);
        server.create_repository("acme/web", "public");
        server.push("acme/web", "v1", &Image::of("of the old one"));
        server.by_admin("PUT", &format!("{ACME}/robots/ci")).send();
        server.by_admin("DELETE", ACME).send().is_empty(204);
        server.by_admin("GET", ACME).send().is_problem(&server.url, 404, "not_found", "Not Found");
        assert_eq!(server.call("GET", "/api/v1/repository/acme/web").send().status, 401);
        server.by_admin("DELETE", ACME).send().is_problem(&server.url, 404, "not_found", "Not Found");
        found_acme(&server);
        server.create_repository("acme/web", "public");
        assert_eq!(server.names("acme/web", ""), [""; 0]);
        server.by_admin("GET", &format!("{ACME}/robots")).send().is(200, json!({"robots": []}));
    });
}

#[test]
fn only_administrators_look_after_an_organization() {
    let server = Server::start(Engine::Sqlite);
    found_acme(&server);
    for name in ["member", "stranger"] {
        server.add_user(name);
    }
    set_team(&server, "staff", "creator");
    add(&server, "staff", "member");
    let role = json!({"role": "admin"});
    let prototype = json!({"role": "read", "delegate": {"kind": "team", "name": "staff"}});
    let operations = [
        ("PUT", ACME, Some(json!({"email": "x@example.com"}))),
        ("DELETE", ACME, None),
        ("GET", "/api/v1/organization/acme/members", None),
        ("GET", "/api/v1/organization/acme/members/admin", None),
        ("DELETE", "/api/v1/organization/acme/members/admin", None),
        ("GET", "/api/v1/organization/acme/collaborators", None),
        ("PUT", "/api/v1/organization/acme/team/staff", Some(role.clone())),
        ("PUT", "/api/v1/organization/acme/team/new", Some(role)),
        ("DELETE", "/api/v1/organization/acme/team/staff", None),
        ("GET", "/api/v1/organization/acme/team/owners/members", None),
        ("GET", "/api/v1/organization/acme/team/nothing/members", None),
        ("PUT", "/api/v1/organization/acme/team/owners/members/member", None),
        ("DELETE", "/api/v1/organization/acme/team/owners/members/admin", None),
        ("GET", "/api/v1/organization/acme/team/staff/permissions", None),
        ("GET", "/api/v1/organization/acme/robots/ci", None),
        ("PUT", "/api/v1/organization/acme/robots/ci", None),
        ("DELETE", "/api/v1/organization/acme/robots/ci", None),
        ("POST", "/api/v1/organization/acme/robots/ci/regenerate", None),
        ("GET", "/api/v1/organization/acme/robots/ci/permissions", None),
        ("GET", "/api/v1/organization/acme/prototypes", None),
        ("POST", "/api/v1/organization/acme/prototypes", Some(prototype)),
        ("PUT", "/api/v1/organization/acme/prototypes/x", Some(json!({"role": "read"}))),
        ("DELETE", "/api/v1/organization/acme/prototypes/x", None),
    ];
    let weak = server.token("admin", "repo:admin user:admin");
    let callers = [
        (Some(server.token("member", "org:admin user:admin")), 403, "insufficient_scope", "Unauthorized"),
        (Some(server.token("stranger", "org:admin user:admin")), 403, "insufficient_scope", "Unauthorized"),
        (Some(weak), 403, "insufficient_scope", "Unauthorized"),
        (None, 401, "invalid_token", "Requires authentication"),
    ];
    for (caller, status, kind, detail) in &callers {
        for (method, path, body) in &operations {
            // Whether it is there makes no difference to whoever may not do it.
            for path in [(*path).to_owned(), path.replace("acme", "nothing")] {
                let call = server.call(method, &path);
                let call = match caller {
                    Some(token) => call.bearer(token),
                    None => call,
                };
                let call = match body {
                    Some(body) => call.json(body),
                    None => call,
                };
                let answer = call.send();
                assert_eq!(answer.status, *status, "{method} {path}: {answer:?}");
                answer.is_problem(&server.url, *status, kind, detail);
            }
        }
    }
}
