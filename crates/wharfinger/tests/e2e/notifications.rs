//! Notifications and messages: kept and listed, for those whom they concern.

use serde_json::{Value, json};

use crate::support::{Answer, EVERY_SCOPE, Engine, Server, each_engine};

const ALL: &str = "/api/v1/repository/admin/app/notification/";
const MESSAGES: &str = "/api/v1/messages";

fn create(server: &Server, body: &Value) -> Answer {
    server.by_admin("POST", ALL).json(body).send()
}

fn webhook() -> Value {
    json!({
        "title": "<script>alert(1)</script>", "event": "repo_push", "eventConfig": {}, "method": "webhook",
        "config": {"url": "https://hooks.example.com/x"},
    })
}

#[test]
fn a_notification_is_kept_as_it_was_asked_for_until_it_is_deleted() {
    each_engine(|server| {
        server.create_repository("admin/app", "private");
        let created = create(&server, &webhook());
        let uuid = created.json()["uuid"].as_str().unwrap().to_owned();
        let view = json!({
            "uuid": uuid, "title": "<script>alert(1)</script>", "event": "repo_push", "event_config": {},
            "method": "webhook", "config": {"url": "https://hooks.example.com/x"}, "number_of_failures": 0,
        });
        created.is(201, view.clone());
        assert_eq!(created.header("x-content-type-options"), Some("nosniff"));
        let one = format!("{ALL}{uuid}");
        server.by_admin("GET", ALL).send().is(200, json!({"notifications": [view]}));
        server.by_admin("GET", &one).send().is(200, view);
        server.by_admin("POST", &one).send().is_empty(204);
        server.by_admin("POST", &format!("{one}/test")).send().is(200, json!({}));

        // It is looked for in the repository of the path alone.
        server.create_repository("admin/other", "private");
        let elsewhere = format!("/api/v1/repository/admin/other/notification/{uuid}");
        server.by_admin("GET", &elsewhere).send().is_problem(&server.url, 404, "not_found", "Not Found");
        let said = format!("No repository notification found for: admin, other, {uuid}");
        for (method, path) in [
            ("DELETE", elsewhere.clone()),
            ("POST", elsewhere.clone()),
            ("POST", format!("{elsewhere}/test")),
        ] {
            let answer = server.by_admin(method, &path).send();
            answer.is_problem(&server.url, 400, "invalid_request", &said);
        }
        server.by_admin("DELETE", &one).send().is_empty(204);
        server.by_admin("GET", ALL).send().is(200, json!({"notifications": []}));

        let logs = server.by_admin("GET", "/api/v1/repository/admin/app/logs").send().json();
        let kinds: Vec<_> = logs["logs"].as_array().unwrap().iter().map(|entry| &entry["kind"]).collect();
        let expected =
            ["delete_repo_notification", "reset_repo_notification", "add_repo_notification", "create_repo"];
        assert_eq!(kinds, expected);
    });
}

#[test]
fn nothing_is_kept_by_which_nobody_could_be_told() {
    let server = Server::start(Engine::Sqlite);
    server.create_repository("admin/app", "private");
    server.add_user("alice");
    let told = |target: Value| {
        json!({
            "event": "repo_image_expiry", "eventConfig": {"days": 1}, "method": "quay_notification",
            "config": {"target": target},
        })
    };
    for (change, said) in [
        (json!({"event": "build_start"}), "'build_start' is not one of ['repo_push', 'repo_image_expiry']"),
        (json!({"method": "email"}), "'email' is not one of ['webhook', 'quay_notification']"),
        (json!({"config": 5}), "5 is not of type 'object'"),
        (json!({"config": {}}), "Missing webhook URL"),
        (json!({"config": {"url": "ftp://x"}}), "Invalid webhook URL"),
        (json!({"config": {"url": "http://a b"}}), "Invalid webhook URL"),
        (json!({"title": "x".repeat(256)}), "A title can have at most 255 characters"),
        (
            json!({"eventConfig": {"x": "x".repeat(9000)}}),
            "A notification's configuration can have at most 8192 bytes",
        ),
        (json!({"eventConfig": {"x": "\0"}}), "A notification's configuration must not hold NUL bytes"),
        (told(json!(null)), "Missing target"),
        (told(json!({"kind": "user", "name": "nobody"})), "Unknown user nobody"),
        (told(json!({"kind": "team", "name": "owners"})), "Unknown team owners"),
        (told(json!({"kind": "org", "name": "admin"})), "Organization name must match repository namespace"),
    ] {
        let mut body = webhook();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        create(&server, &body).is_problem(&server.url, 400, "invalid_request", said);
    }
    let created = create(&server, &told(json!({"kind": "user", "name": "alice"})));
    assert_eq!((created.status, &created.json()["title"]), (201, &json!(null)));
}

#[test]
fn messages_are_told_to_everybody_and_written_by_superusers() {
    each_engine(|server| {
        server.add_user("alice");
        let alice = server.token("alice", EVERY_SCOPE);
        let message = json!({"severity": "warning", "media_type": "text/markdown", "content": "**Soon**"});
        let body = json!({"message": message});
        server.call("GET", MESSAGES).send().is(200, json!({"messages": []}));
        let refused = server.call("POST", MESSAGES).bearer(&alice).json(&body).send();
        refused.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
        server.by_admin("POST", MESSAGES).json(&body).send().is(201, json!(""));
        let listed = server.call("GET", MESSAGES).send().json();
        let mut told = listed["messages"][0].clone();
        let uuid = told["uuid"].as_str().unwrap().to_owned();
        told.as_object_mut().unwrap().remove("uuid");
        assert_eq!(told, message);
        for (bad, said) in [
            (json!({}), "'media_type' is a required property"),
            (json!(5), "5 is not of type 'object'"),
            (
                json!({"severity": "x", "media_type": "text/plain", "content": ""}),
                "'x' is not one of ['info', 'warning', 'error']",
            ),
        ] {
            let answer = server.by_admin("POST", MESSAGES).json(&json!({"message": bad})).send();
            answer.is_problem(&server.url, 400, "invalid_request", said);
        }
        let one = format!("/api/v1/message/{uuid}");
        let refused = server.call("DELETE", &one).bearer(&alice).send();
        refused.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
        for _ in 0..2 {
            server.by_admin("DELETE", &one).send().is_empty(204);
        }
        server.call("GET", MESSAGES).send().is(200, json!({"messages": []}));
        let logged = server.by_admin("GET", "/api/v1/superuser/logs").send().json();
        let logged: Vec<_> = logged["logs"].as_array().unwrap().iter().collect();
        let told = |entry: &Value| (entry["kind"].clone(), entry["metadata"]["uuid"].clone());
        assert_eq!(told(logged[0]), (json!("delete_global_message"), json!(uuid)));
        assert_eq!(told(logged[1]), (json!("create_global_message"), json!(uuid)));
        assert_eq!(logged[1]["metadata"]["severity"], "warning");
        let own = server.call("GET", "/api/v1/user/notifications?page=1&limit=5").bearer(&alice).send();
        own.is(200, json!({"notifications": [], "additional": false}));
    });
}

#[test]
fn the_log_of_everything_is_for_superusers_and_tells_where() {
    each_engine(|server| {
        server.add_user("alice");
        let alice = server.token("alice", EVERY_SCOPE);
        server.create_repository_by(&alice, "alice/app", "private");
        server.create_repository("admin/app", "private");
        let logs = server.by_admin("GET", "/api/v1/superuser/logs").send().json();
        let entries: Vec<_> = logs["logs"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["kind"] == "create_repo")
            .map(|entry| (&entry["namespace"]["name"], &entry["namespace"]["kind"]))
            .collect();
        let user = json!("user");
        assert_eq!(entries, [(&json!("admin"), &user), (&json!("alice"), &user)]);
        let by_alice = server.by_admin("GET", "/api/v1/superuser/logs?performer=alice").send().json();
        assert_eq!(by_alice["logs"].as_array().unwrap().len(), 1);
        let totals = server.by_admin("GET", "/api/v1/superuser/aggregatelogs").send().json();
        let created = totals["aggregated"].as_array().unwrap().iter().find(|it| it["kind"] == "create_repo");
        assert_eq!(created.unwrap()["count"], 2);
        let own = server.by_admin("GET", "/api/v1/user/logs").send().json();
        assert_eq!(own["logs"][0].get("namespace"), None);
        for path in ["logs", "aggregatelogs"] {
            let answer = server.call("GET", &format!("/api/v1/superuser/{path}")).bearer(&alice).send();
            answer.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
        }
    });
}

#[test]
fn the_web_ui_reads_first_what_there_is_here() {
    let server = Server::start(Engine::Sqlite);
    let answer = server.call("GET", "/config").send();
    assert_eq!(answer.status, 200, "{answer:?}");
    let config = answer.json();
    for name in
        ["IMMUTABLE_TAGS", "IMAGE_PULL_STATS", "AUTO_PRUNE", "SUPER_USERS", "DIRECT_LOGIN", "LOG_EXPORT"]
    {
        assert_eq!(config["features"][name], true, "{name}");
    }
    assert_eq!(config["features"]["MAILING"], false);
    let (_, host) = server.url.split_once("://").unwrap();
    let expected = json!({
        "AUTHENTICATION_TYPE": "Database", "DEFAULT_TAG_EXPIRATION": "2w", "PERMANENTLY_DELETE_TAGS": true,
        "PREFERRED_URL_SCHEME": "http", "REGISTRY_TITLE": "Wharfinger", "REGISTRY_TITLE_SHORT": "Wharfinger",
        "SERVER_HOSTNAME": host, "TAG_EXPIRATION_OPTIONS": ["0s", "1d", "1w", "2w", "4w"],
    });
    assert_eq!(config["config"], expected);
    let health = server.call("GET", "/health/warning").send();
    health.is(200, json!({"data": {"services": {"database": true}}, "status_code": 200}));
}
