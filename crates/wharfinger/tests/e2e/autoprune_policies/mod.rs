//! Auto-prune policies as rows: made, listed, read, rewritten and removed, by whom, and what is refused.

mod callers;

use serde_json::{Value, json};

use crate::support::{Answer, EVERY_SCOPE, Engine, Server, each_engine};

const REPOSITORY: &str = "/api/v1/repository/acme/app/autoprunepolicy/";
const ORGANIZATION: &str = "/api/v1/organization/acme/autoprunepolicy/";
const OWN: &str = "/api/v1/user/autoprunepolicy/";
const ALL: [&str; 3] = [REPOSITORY, ORGANIZATION, OWN];

/// The organization `acme` of the first user, with a repository.
fn set_up(server: &Server) {
    let new = json!({"name": "acme"});
    server.by_admin("POST", "/api/v1/organization/").json(&new).send().is(201, json!("Created"));
    server.create_repository("acme/app", "private");
}

fn create(server: &Server, path: &str, policy: &Value) -> Answer {
    server.by_admin("POST", path).json(policy).send()
}

#[track_caller]
fn created(server: &Server, path: &str, policy: &Value) -> String {
    let answer = create(server, path, policy);
    assert_eq!(answer.status, 201, "{answer:?}");
    let uuid = answer.json()["uuid"].as_str().unwrap().to_owned();
    answer.is(201, json!({"uuid": uuid}));
    uuid
}

fn list(server: &Server, path: &str) -> Value {
    let answer = server.by_admin("GET", path).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[test]
fn a_policy_is_made_listed_read_rewritten_and_removed() {
    each_engine(|server| {
        set_up(&server);
        for path in ALL {
            server.by_admin("GET", path).send().is(200, json!({"policies": []}));
            let first = created(&server, path, &json!({"method": "number_of_tags", "value": 10}));
            let second = created(
                &server,
                path,
                &json!({"method": "creation_date", "value": "2w", "tagPattern": " ^rc- ", "tagPatternMatches": false}),
            );
            let third = created(
                &server,
                path,
                &json!({"method": "not_pulled_for", "value": "30d", "tagPattern": null}),
            );
            let view = |uuid: &str, method: &str, value: Value, pattern: Value, matches: bool| {
                json!({
                    "uuid": uuid, "method": method, "value": value, "tagPattern": pattern,
                    "tagPatternMatches": matches,
                })
            };
            let views = [
                view(&first, "number_of_tags", json!(10), json!(null), true),
                view(&second, "creation_date", json!("2w"), json!("^rc-"), false),
                view(&third, "not_pulled_for", json!("30d"), json!(null), true),
            ];
            assert_eq!(list(&server, path), json!({"policies": views}));
            for view in &views {
                let one = format!("{path}{}", view["uuid"].as_str().unwrap());
                server.by_admin("GET", &one).send().is(200, view.clone());
                let head = server.by_admin("HEAD", &one).send();
                assert_eq!((head.status, head.body.len()), (200, 0));
            }

            // Rewriting replaces all of it: what is left out is as if it were never said.
            let one = format!("{path}{second}");
            let new = json!({"method": "number_of_tags", "value": 3});
            server.by_admin("PUT", &one).json(&new).send().is_empty(204);
            let rewritten = view(&second, "number_of_tags", json!(3), json!(null), true);
            server.by_admin("GET", &one).send().is(200, rewritten.clone());
            assert_eq!(list(&server, path), json!({"policies": [views[0], rewritten, views[2]]}));
            // What another has already is refused to a new one only.
            let same = json!({"method": "number_of_tags", "value": 10});
            server.by_admin("PUT", &one).json(&same).send().is_empty(204);

            server.by_admin("DELETE", &one).send().is(200, json!({"uuid": second}));
            server.by_admin("DELETE", &one).send().is_problem(&server.url, 404, "not_found", "Not Found");
            assert_eq!(list(&server, path), json!({"policies": [views[0], views[2]]}));
        }
    });
}

#[test]
fn a_duplicate_differs_in_nothing() {
    each_engine(|server| {
        set_up(&server);
        for (path, noun) in [(REPOSITORY, "repository"), (ORGANIZATION, "namespace"), (OWN, "namespace")] {
            let policies = [
                json!({"method": "number_of_tags", "value": 10}),
                json!({"method": "number_of_tags", "value": 11}),
                json!({"method": "number_of_tags", "value": 10, "tagPattern": "a"}),
                json!({"method": "number_of_tags", "value": 10, "tagPattern": "a", "tagPatternMatches": false}),
                json!({"method": "creation_date", "value": "7d"}),
                json!({"method": "creation_date", "value": "1w"}),
                json!({"method": "not_pulled_for", "value": "7d"}),
            ];
            for policy in &policies {
                created(&server, path, policy);
            }
            let before = list(&server, path);
            let detail = format!(
                "Existing policy with same values for this {noun}, duplicate policies are not permitted"
            );
            for policy in &policies {
                create(&server, path, policy).is_problem(&server.url, 400, "invalid_request", &detail);
                let tried = create(&server, &format!("{path}?dryRun=true"), policy);
                tried.is_problem(&server.url, 400, "invalid_request", &detail);
            }
            let blanks = json!({"method": "number_of_tags", "value": 10, "tagPattern": " a\n"});
            create(&server, path, &blanks).is_problem(&server.url, 400, "invalid_request", &detail);
            assert_eq!(list(&server, path), before);
        }
    });
}

#[test]
fn of_equal_policies_that_come_at_once_one_is_made() {
    each_engine(|server| {
        set_up(&server);
        let policy = json!({"method": "number_of_tags", "value": 10});
        for path in ALL {
            let made = std::thread::scope(|scope| {
                let creating: Vec<_> =
                    (0..8).map(|_| scope.spawn(|| create(&server, path, &policy).status)).collect();
                creating.into_iter().map(|it| it.join().unwrap()).filter(|status| *status == 201).count()
            });
            assert_eq!(made, 1);
            assert_eq!(list(&server, path)["policies"].as_array().unwrap().len(), 1);
        }
    });
}

#[test]
fn a_policy_is_found_only_where_it_is_laid_down() {
    each_engine(|server| {
        set_up(&server);
        server.create_repository("acme/other", "private");
        let paths = [REPOSITORY, ORGANIZATION, OWN, "/api/v1/repository/acme/other/autoprunepolicy/"];
        let policy = json!({"method": "number_of_tags", "value": 10});
        let uuids = paths.map(|path| created(&server, path, &policy));
        let before = paths.map(|path| list(&server, path));
        for (path, own) in paths.iter().zip(&uuids) {
            let foreign = uuids.iter().filter(|uuid| *uuid != own).map(String::as_str);
            let never = ["00000000-0000-0000-0000-000000000000", "x", "%00", "%F0%9F%98%80"];
            for uuid in foreign.chain(never) {
                for method in ["GET", "PUT", "DELETE"] {
                    let call = server.by_admin(method, &format!("{path}{uuid}"));
                    let call = if method == "PUT" {
                        call.json(&json!({"method": "number_of_tags", "value": 1}))
                    } else {
                        call
                    };
                    call.send().is_problem(&server.url, 404, "not_found", "Not Found");
                }
            }
        }
        assert_eq!(paths.map(|path| list(&server, path)), before);
    });
}

const INVALID_VALUE: &str = "Invalid value given for method type: number_of_tags takes a whole number from 1, the others \
    a period as in '12h', '7d' or '2w'";

/// Bodies that are no policies, and what is said of each.
fn senseless() -> Vec<(Value, &'static str)> {
    let number = |value: Value| json!({"method": "number_of_tags", "value": value});
    let age = |method: &str, value: &str| json!({"method": method, "value": value});
    let with = |pattern: &str| json!({"method": "number_of_tags", "value": 5, "tagPattern": pattern});
    let value = INVALID_VALUE;
    let long = "tag_pattern must be 256 characters or less";
    let mut cases = vec![
        (json!({}), "'method' is a required property"),
        (json!({"value": 5}), "'method' is a required property"),
        (json!({"method": "number_of_tags"}), "'value' is a required property"),
        (json!({"method": 5, "value": 5}), "5 is not of type 'string'"),
        (json!({"method": null, "value": 5}), "None is not of type 'string'"),
        (
            json!({"method": "NUMBER_OF_TAGS", "value": 5}),
            "'NUMBER_OF_TAGS' is not one of ['number_of_tags', 'creation_date', 'not_pulled_for']",
        ),
        (number(json!(true)), "True is not of type 'integer', 'string'"),
        (number(json!(null)), "None is not of type 'integer', 'string'"),
        (number(json!([5])), "[5] is not of type 'integer', 'string'"),
        (number(json!(5.5)), "5.5 is not of type 'integer', 'string'"),
        (number(json!(0)), value),
        (number(json!(-1)), value),
        (number(json!(i64::MIN)), value),
        (number(json!(u64::MAX)), value),
        (number(json!(99999999999999999999_f64)), value),
        (number(json!("5")), value),
        (json!({"method": "creation_date", "value": 5}), value),
        (with(""), "tag_pattern cannot be empty"),
        (with(" \t\n"), "tag_pattern cannot be empty"),
        (with(&"a".repeat(257)), long),
        (with(&"a".repeat(10_000)), long),
        (with("a\0"), "'tagPattern' must not hold NUL bytes"),
        (
            with("(?=a)"),
            "Invalid regex pattern: look-around, including look-ahead and look-behind, is not supported",
        ),
        (with(r"(a)\1"), "Invalid regex pattern: backreferences are not supported"),
        (with("["), "Invalid regex pattern: unclosed character class"),
        (with("((a{100}){100}){100}"), "Invalid regex pattern: it is too large; repeat less"),
        (json!({"method": "number_of_tags", "value": 5, "tagPattern": 5}), "5 is not of type 'string'"),
        (
            json!({"method": "number_of_tags", "value": 5, "tagPattern": "a", "tagPatternMatches": "no"}),
            "'no' is not of type 'boolean'",
        ),
        (json!([]), "[] is not of type 'object'"),
        (json!(null), "Missing JSON body"),
    ];
    for duration in
        ["", "5", "d", "0d", "-5d", "1.5d", "5 d", "1d12h", "5ms", "9999999999999999999999d", "10001y"]
    {
        cases.push((age("creation_date", duration), value));
        cases.push((age("not_pulled_for", duration), value));
    }
    cases
}

#[test]
fn what_makes_no_sense_is_told_so_and_changes_nothing() {
    let server = Server::start(Engine::Sqlite);
    set_up(&server);
    let cases = senseless();
    for path in ALL {
        let uuid = created(&server, path, &json!({"method": "creation_date", "value": "5d"}));
        let before = list(&server, path);
        for (body, detail) in &cases {
            for (method, path) in [
                ("POST", path.to_owned()),
                ("POST", format!("{path}?dryRun=true")),
                ("PUT", format!("{path}{uuid}")),
            ] {
                let answer = server.by_admin(method, &path).json(body).send();
                assert_eq!(answer.status, 400, "{method} {body}: {answer:?}");
                answer.is_problem(&server.url, 400, "invalid_request", detail);
            }
        }
        let digits = r#"{"method": "number_of_tags", "value": 99999999999999999999}"#;
        let answer = server.by_admin("POST", path).body("application/json", digits).send();
        answer.is_problem(&server.url, 400, "invalid_request", INVALID_VALUE);
        for huge in ["1e400", "[".repeat(100).as_str(), ""] {
            let body = format!("{{\"method\": \"number_of_tags\", \"value\": {huge}}}");
            let answer = server.by_admin("POST", path).body("application/json", body).send();
            assert_eq!(answer.status, 400, "{answer:?}");
        }
        assert_eq!(server.by_admin("POST", path).body("text/plain", "{}").send().status, 415);
        // What is passed over would make a policy for every tag or repository, or lay down what was only to be tried.
        let good = json!({"method": "number_of_tags", "value": 5});
        let mut queries = vec!["dryrun=true", "dry_run=true", "dryRun=", "dryRun", "limit=", "page=first"];
        if path != REPOSITORY {
            queries.extend(["repository=app", "dryRun=0&repository=app"]);
        }
        for query in queries {
            let answer = server.by_admin("POST", &format!("{path}?{query}")).json(&good).send();
            assert_eq!(answer.status, 400, "{query}: {answer:?}");
        }
        let misspelt = json!({"method": "number_of_tags", "value": 5, "tag_pattern": "^build-"});
        let answer = server.by_admin("POST", path).json(&misspelt).send();
        let detail = "'tag_pattern' is not known here: write 'tagPattern'";
        answer.is_problem(&server.url, 400, "invalid_request", detail);
        assert_eq!(list(&server, path), before);
        // A policy that is deleted by mistake is not told, either.
        let one = format!("{path}{}", before["policies"][0]["uuid"].as_str().unwrap_or("none"));
        let answer = server.by_admin("DELETE", &format!("{one}?dry_run=true")).send();
        let detail = "'dry_run' is not known here: write 'dryRun'";
        answer.is_problem(&server.url, 400, "invalid_request", detail);
        let nested =
            json!({"method": "number_of_tags", "value": 5, "tagPattern": "((a+)+)+$", "unknown": {}});
        created(&server, path, &nested);
    }
}

#[test]
fn there_are_fifty_policies_at_most() {
    let server = Server::start(Engine::Sqlite);
    set_up(&server);
    for number in 1..=50 {
        created(&server, REPOSITORY, &json!({"method": "number_of_tags", "value": number}));
    }
    let answer = create(&server, REPOSITORY, &json!({"method": "number_of_tags", "value": 51}));
    let detail = "This repository has 50 auto-prune policies, which is the most: delete one first";
    answer.is_problem(&server.url, 400, "invalid_request", detail);
}

#[test]
fn lists_without_their_slash_are_sent_on_and_other_methods_refused() {
    let server = Server::start(Engine::Sqlite);
    set_up(&server);
    for path in ALL {
        let without = path.strip_suffix('/').unwrap();
        for method in ["GET", "POST"] {
            let answer = server.by_admin(method, &format!("{without}?a=b")).send();
            assert_eq!(
                (answer.status, answer.header("location")),
                (308, Some(format!("{path}?a=b").as_str()))
            );
        }
        let answer = server.by_admin("PATCH", path).send();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, POST, OPTIONS")));
        let answer = server.by_admin("POST", &format!("{path}x")).send();
        assert_eq!(answer.status, 405);
    }
    let answer = server.by_admin("POST", &format!("{REPOSITORY}preview")).send();
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
}

#[test]
fn what_is_rewritten_or_removed_can_not_be_tried() {
    let server = Server::start(Engine::Sqlite);
    set_up(&server);
    server.add_user("stranger");
    let stranger = server.token("stranger", EVERY_SCOPE);
    for path in ALL {
        let uuid = created(&server, path, &json!({"method": "number_of_tags", "value": 10}));
        let (before, one) = (list(&server, path), format!("{path}{uuid}?dryRun=true"));
        let new = json!({"method": "number_of_tags", "value": 1});
        for method in ["PUT", "DELETE"] {
            let answer = server.by_admin(method, &one).json(&new).send();
            let detail = "dryRun is for POST alone, which tells what a policy would do beside those that hold: \
                          nothing was changed";
            answer.is_problem(&server.url, 400, "invalid_request", detail);
            if path != OWN {
                assert_eq!(server.call(method, &one).bearer(&stranger).json(&new).send().status, 403);
            }
        }
        let misspelt = format!("{path}{uuid}?dryrun=true");
        for method in ["PUT", "DELETE"] {
            let answer = server.by_admin(method, &misspelt).json(&new).send();
            let detail = "'dryrun' is not known here: write 'dryRun'";
            answer.is_problem(&server.url, 400, "invalid_request", detail);
        }
        assert_eq!(list(&server, path), before);
        let one = format!("{path}{uuid}?dryRun=false");
        server.by_admin("PUT", &one).json(&new).send().is_empty(204);
        assert_eq!(server.by_admin("DELETE", &one).send().status, 200);
    }
}

#[test]
fn a_side_without_a_pattern_is_told_as_it_was_said() {
    let server = Server::start(Engine::Sqlite);
    set_up(&server);
    for path in ALL {
        let policy = json!({"method": "number_of_tags", "value": 10, "tagPatternMatches": false});
        let uuid = created(&server, path, &policy);
        let told = server.by_admin("GET", &format!("{path}{uuid}")).send().json();
        assert_eq!((&told["tagPattern"], &told["tagPatternMatches"]), (&json!(null), &json!(false)));
    }
}
