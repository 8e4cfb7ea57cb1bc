//! Searching: nothing is found that its caller could not see otherwise.

use serde_json::{Value, json};

use crate::support::{EVERY_SCOPE, Server, each_engine};

fn ask(server: &Server, token: Option<&str>, path: &str) -> Value {
    let call = server.call("GET", &format!("/api/v1/{path}"));
    let answer = token.iter().fold(call, |call, token| call.bearer(token)).send();
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

/// The names of what was found, with their kinds.
fn found(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|result| (text(&result["kind"]), text(&result["name"]))).collect()
}

/// Repositories and people whose names begin alike.
fn furnish(server: &Server) -> (String, String) {
    for name in ["webster", "bob"] {
        server.add_user(name);
    }
    let (webster, bob) = (server.token("webster", EVERY_SCOPE), server.token("bob", EVERY_SCOPE));
    let organization = json!({"name": "webshop"});
    let answer = server.call("POST", "/api/v1/organization/").bearer(&webster).json(&organization).send();
    answer.is(201, json!("Created"));
    server.create_repository("admin/web", "public");
    server.create_repository("admin/web_secret", "private");
    server.create_repository_by(&webster, "webshop/web-private", "private");
    (webster, bob)
}

#[test]
fn repositories_are_found_by_those_who_may_read_them() {
    each_engine(|server| {
        let (webster, bob) = furnish(&server);
        let names = |token: Option<&str>, text: &str| -> Vec<String> {
            let answer = ask(&server, token, &format!("find/repositories?query={text}"));
            found(&answer).into_iter().map(|(_, name)| name).collect()
        };
        assert_eq!(names(None, "web"), ["web"]);
        assert_eq!(names(Some(&bob), "web"), ["web"]);
        assert_eq!(names(Some(&webster), "web"), ["web", "web-private"]);
        assert_eq!(names(Some(&server.admin), "WEB"), ["web", "web_secret", "web-private"]);
        assert_eq!(names(Some(&server.token("webster", "user:read")), "web"), ["web"]);
        server.give_role("admin/web_secret", "bob", "read");
        assert_eq!(names(Some(&bob), "secret"), ["web_secret"]);
        // What is special in a pattern is not in a text.
        for text in ["_", "%25", "!", "%5C", "w%25b", "we_", "'", "%22", "%00", "%F0%9F%98%80"] {
            let expected: &[&str] = if text == "_" { &["web_secret"] } else { &[] };
            assert_eq!(names(Some(&bob), text), expected, "{text}");
        }
        assert_eq!(names(None, &"w".repeat(5000)), [""; 0]);

        let answer = ask(&server, None, "find/repositories?query=admin/web&includeUsage=true&page=0");
        let result = &answer["results"][0];
        let expected = json!({
            "kind": "repository", "title": "repo", "name": "web", "description": "", "is_public": true,
            "href": "/repository/admin/web", "last_modified": null, "stars": 0, "popularity": 0.0,
            "score": result["score"], "namespace": result["namespace"],
        });
        assert_eq!(*result, expected);
        let namespace = &result["namespace"];
        assert_eq!(
            (&namespace["kind"], &namespace["name"], &namespace["href"], &namespace["avatar"]["kind"]),
            (&json!("user"), &json!("admin"), &json!("/user/admin"), &json!("user"))
        );
        for (member, value) in
            [("has_additional", json!(false)), ("page", json!(1)), ("page_size", json!(10))]
        {
            assert_eq!(answer[member], value);
        }
        let answer = ask(&server, None, "find/repositories?query=web&page=9223372036854775807");
        assert_eq!((&answer["page"], &answer["results"]), (&json!(10), &json!([])));
    });
}

#[test]
fn everything_is_found_by_those_who_may_see_it() {
    each_engine(|server| {
        let (webster, bob) = furnish(&server);
        let all = |token: Option<&str>, text: &str| {
            let mut found = found(&ask(&server, token, &format!("find/all?query={text}")));
            found.sort_unstable();
            found
        };
        let pair = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
        assert_eq!(all(None, ""), []);
        // A namespace in which nothing can be seen is not found.
        assert_eq!(all(None, "web"), [pair("repository", "web")]);
        assert_eq!(all(Some(&bob), "web"), [pair("repository", "web")]);
        assert_eq!(
            all(Some(&webster), "web"),
            [
                pair("organization", "webshop"),
                pair("repository", "web"),
                pair("repository", "web-private"),
                pair("user", "webster"),
            ]
        );
        assert_eq!(all(Some(&webster), "owners"), [pair("team", "owners")]);
        assert_eq!(all(Some(&bob), "owners"), []);
        assert_eq!(all(None, "adm"), [pair("repository", "web"), pair("user", "admin")]);
        let team = ask(&server, Some(&webster), "find/all?query=owners")["results"][0].clone();
        assert_eq!(team["href"], "/organization/webshop/teams/owners");
        assert_eq!(team["organization"]["name"], "webshop");
    });
}

#[test]
fn users_are_named_to_those_who_are_signed_in_and_teams_to_members() {
    each_engine(|server| {
        let (webster, bob) = furnish(&server);
        let answer = server.call("GET", "/api/v1/entities/web").send();
        answer.is_problem(&server.url, 401, "invalid_token", "Requires authentication");

        let entities =
            |token: &str, path: &str| found(&ask(&server, Some(token), &format!("entities/{path}")));
        let user = |name: &str| ("user".to_owned(), name.to_owned());
        assert_eq!(entities(&bob, "web"), [user("webster")]);
        assert_eq!(entities(&bob, "WEB%25"), []);
        assert_eq!(entities(&bob, "%00"), []);
        let inside = "?namespace=webshop&includeTeams=true&includeOrgs=true";
        assert_eq!(entities(&bob, &format!("web{inside}")), [user("webster")]);
        assert_eq!(entities(&bob, &format!("own{inside}")), []);
        let team = ("team".to_owned(), "owners".to_owned());
        assert_eq!(entities(&webster, &format!("own{inside}")), [team]);
        let org = ("org".to_owned(), "webshop".to_owned());
        assert_eq!(entities(&webster, &format!("web{inside}")), [org, user("webster")]);
        let poor = server.token("webster", "repo:read");
        assert_eq!(entities(&poor, &format!("own{inside}")), []);

        let answer = ask(&server, Some(&webster), &format!("entities/web{inside}"));
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results[1]["is_robot"], false);
        assert_eq!(results[1]["is_org_member"], true);
        assert_eq!(results[1]["avatar"]["name"], "webster");
    });
}
