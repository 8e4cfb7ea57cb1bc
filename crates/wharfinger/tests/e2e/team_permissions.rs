//! Roles of teams on repositories, as they are given, and as they count everywhere.

use serde_json::json;

use crate::support::{Engine, Image, Server, each_engine};

const ACME: &str = "/api/v1/organization/acme";
const TEAMS: &str = "/api/v1/repository/acme/web/permissions/team";
const USERS: &str = "/api/v1/repository/acme/web/permissions/user";

/// An organization with a repository and a team, in which bob is.
fn prepare(server: &Server) {
    server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
    server.create_repository("acme/web", "private");
    server.add_user("bob");
    server.by_admin("PUT", &format!("{ACME}/team/staff")).json(&json!({"role": "member"})).send();
    server.by_admin("PUT", &format!("{ACME}/team/staff/members/bob")).send();
}

#[test]
fn a_teams_role_is_given_listed_and_taken_away() {
    each_engine(|server| {
        prepare(&server);
        let one = format!("{TEAMS}/staff");
        let none = "Team does not have permission for repo.";
        server.by_admin("GET", &one).send().is(400, json!({"message": none}));
        server.by_admin("DELETE", &one).send().is_problem(&server.url, 400, "invalid_request", none);
        let given = server.by_admin("PUT", &one).json(&json!({"role": "write"})).send();
        assert_eq!(given.status, 200, "{given:?}");
        let given = given.json();
        assert_eq!(
            (&given["role"], &given["name"], &given["avatar"]["kind"]),
            (&json!("write"), &json!("staff"), &json!("team"))
        );
        assert_eq!(given.as_object().unwrap().len(), 3, "{given}");
        server.by_admin("GET", &one).send().is(200, json!({"role": "write"}));
        server.by_admin("GET", &format!("{TEAMS}/")).send().is(200, json!({"permissions": {"staff": given}}));
        let roles =
            json!({"permissions": [{"repository": {"name": "web", "is_public": false}, "role": "write"}]});
        server.by_admin("GET", &format!("{ACME}/team/staff/permissions")).send().is(200, roles);
        let transitive = format!("{USERS}/bob/transitive");
        server.by_admin("GET", &transitive).send().is(200, json!({"permissions": [{"role": "write"}]}));
        let own =
            server.by_admin("PUT", &format!("{USERS}/bob")).json(&json!({"role": "read"})).send().json();
        assert_eq!(own["is_org_member"], true);
        let both = json!({"permissions": [{"role": "read"}, {"role": "write"}]});
        server.by_admin("GET", &transitive).send().is(200, both);
        let nobody = server.by_admin("GET", &format!("{USERS}/nobody/transitive")).send();
        nobody.is_problem(&server.url, 404, "not_found", "Not Found");
        let unknown =
            server.by_admin("PUT", &format!("{TEAMS}/nothing")).json(&json!({"role": "read"})).send();
        unknown.is_problem(&server.url, 400, "invalid_request", "No team nothing in organization acme");
        server.by_admin("DELETE", &one).send().is_empty(204);
        server.by_admin("GET", &format!("{TEAMS}/")).send().is(200, json!({"permissions": {}}));
    });
}

#[test]
fn whoever_is_in_the_team_has_its_role_until_they_are_not() {
    each_engine(|server| {
        prepare(&server);
        server.push("acme/web", "v1", &Image::of("theirs"));
        let bob = server.token("bob", "repo:admin");
        let (tag, repository) = ("/api/v1/repository/acme/web/tag/v1", "/api/v1/repository/acme/web");
        let catalog = || {
            let token = server.registry_token("$oauthtoken", &bob, &["registry:catalog:*"]);
            server.call("GET", "/v2/_catalog").bearer(&token).send().json()
        };
        assert_eq!(server.call("GET", repository).bearer(&bob).send().status, 403);
        assert_eq!(catalog(), json!({"repositories": []}));
        server.by_admin("PUT", &format!("{TEAMS}/staff")).json(&json!({"role": "read"})).send();
        assert_eq!(server.call("GET", repository).bearer(&bob).send().status, 200);
        assert_eq!(server.call("DELETE", tag).bearer(&bob).send().status, 403);
        assert_eq!(catalog(), json!({"repositories": ["acme/web"]}));
        let scope = ["repository:acme/web:pull,push"];
        let token = server.registry_token("$oauthtoken", &bob, &scope);
        assert_eq!(server.v2(&token, "GET", "acme/web", "manifests/v1").send().status, 200);
        server.by_admin("PUT", &format!("{TEAMS}/staff")).json(&json!({"role": "write"})).send();
        let token = server.registry_token("$oauthtoken", &bob, &scope);
        server.push_with(&token, "acme/web", "v2", &Image::of("bob's"));
        server.by_admin("DELETE", &format!("{ACME}/team/staff/members/bob")).send().is_empty(204);
        assert_eq!(server.call("GET", repository).bearer(&bob).send().status, 403);
        assert_eq!(catalog(), json!({"repositories": []}));
    });
}

#[test]
fn whoever_does_not_administer_the_repository_learns_nothing_of_its_permissions() {
    let server = Server::start(Engine::Sqlite);
    prepare(&server);
    server.give_role("acme/web", "bob", "write");
    let bob = server.token("bob", "repo:admin");
    let body = json!({"role": "admin"});
    for path in [
        format!("{TEAMS}/"),
        format!("{TEAMS}/staff"),
        format!("{USERS}/"),
        format!("{USERS}/bob/transitive"),
    ] {
        for path in [path.clone(), path.replace("acme/web", "acme/nothing")] {
            let answer = server.call("GET", &path).bearer(&bob).send();
            answer.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
            let answer = server.call("GET", &path).send();
            answer.is_problem(&server.url, 401, "invalid_token", "Requires authentication");
        }
    }
    for path in [format!("{TEAMS}/staff"), format!("{USERS}/bob")] {
        for answer in [
            server.call("PUT", &path).bearer(&bob).json(&body).send(),
            server.call("DELETE", &path).bearer(&bob).send(),
        ] {
            answer.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
        }
    }
}
