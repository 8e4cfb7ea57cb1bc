//! What Quay's own web pages and the scripts around it ask of a registry, in the order in which they could: each
//! operation with the status that they expect. All come by sessions, as pages do.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{ADMIN_PASSWORD, Browser, Engine, Image, Server};

const PASSWORD: &str = "eight-or-more";

/// A request: by whom, method, path, body, and the status of the answer. `{uuid}` and the like stand for the member of
/// that name that was answered last. `admin` is a superuser, `alice` makes an organization, `bob` is anybody, and
/// `nobody` has not signed in.
type Row = (&'static str, &'static str, &'static str, &'static str, u16);

const BOOTSTRAP: &[Row] = &[
    ("nobody", "GET", "/csrf_token", "", 200),
    ("nobody", "GET", "/config", "", 200),
    ("nobody", "GET", "/api/v1/user/", "", 401),
    ("admin", "GET", "/api/v1/user/", "", 200),
    ("nobody", "GET", "/api/v1/user", "", 308),
    ("nobody", "GET", "/api/v1/discovery", "", 200),
    ("nobody", "GET", "/api/v1/error/not_found", "", 200),
    ("nobody", "GET", "/health/instance", "", 200),
    ("nobody", "GET", "/health/endtoend", "", 200),
    ("nobody", "GET", "/health/warning", "", 200),
    ("nobody", "POST", "/v2/auth", "{}", 405),
    ("nobody", "GET", "/secscan/_backfill_status", "", 308),
    ("nobody", "GET", "/secscan/_backfill_status/", "", 404),
];

const ORGANIZATIONS: &[Row] = &[
    ("alice", "POST", "/api/v1/organization/", r#"{"name": "acme", "email": "acme@example.com"}"#, 201),
    ("bob", "POST", "/api/v1/organization/", r#"{"name": "acme"}"#, 400),
    ("alice", "GET", "/api/v1/organization/acme", "", 200),
    ("alice", "GET", "/api/v1/organization/nothing", "", 404),
    ("alice", "PUT", "/api/v1/organization/acme", r#"{"tag_expiration_s": 1209600}"#, 200),
    ("bob", "PUT", "/api/v1/organization/acme", r#"{"tag_expiration_s": 1209600}"#, 403),
    ("alice", "PUT", "/api/v1/organization/acme/team/builders", r#"{"role": "member"}"#, 200),
    ("bob", "PUT", "/api/v1/organization/acme/team/builders", r#"{"role": "admin"}"#, 403),
    ("alice", "PUT", "/api/v1/organization/acme/team/builders/members/bob", "{}", 200),
    ("bob", "PUT", "/api/v1/organization/acme/team/owners/members/bob", "{}", 403),
    ("bob", "DELETE", "/api/v1/organization/acme/team/builders/members/bob", "", 403),
    ("bob", "DELETE", "/api/v1/organization/acme/team/builders", "", 403),
    ("alice", "GET", "/api/v1/organization/acme/team/builders/members", "", 200),
    ("alice", "GET", "/api/v1/organization/acme/members", "", 200),
    ("alice", "GET", "/api/v1/organization/acme/members/bob", "", 200),
    ("alice", "GET", "/api/v1/organization/acme/collaborators", "", 200),
    (
        "alice",
        "POST",
        "/api/v1/organization/acme/prototypes",
        r#"{"role": "read", "delegate": {"kind": "team", "name": "builders"}}"#,
        200,
    ),
    (
        "bob",
        "POST",
        "/api/v1/organization/acme/prototypes",
        r#"{"role": "read", "delegate": {"kind": "user", "name": "bob"}}"#,
        403,
    ),
    ("alice", "GET", "/api/v1/organization/acme/prototypes", "", 200),
    ("alice", "PUT", "/api/v1/organization/acme/prototypes/{id}", r#"{"role": "write"}"#, 200),
    ("alice", "DELETE", "/api/v1/organization/acme/prototypes/{id}", "", 204),
];

const REPOSITORIES: &[Row] = &[
    (
        "alice",
        "POST",
        "/api/v1/repository",
        r#"{"namespace": "acme", "repository": "web", "visibility": "private", "description": ""}"#,
        201,
    ),
    (
        "bob",
        "POST",
        "/api/v1/repository",
        r#"{"namespace": "acme", "repository": "mine", "visibility": "private", "description": ""}"#,
        403,
    ),
    ("alice", "GET", "/api/v1/repository?namespace=acme&last_modified=true&popularity=true", "", 200),
    ("alice", "GET", "/api/v1/repository/acme/web?includeStats=true&includeTags=false", "", 200),
    ("alice", "GET", "/api/v1/repository/acme/nothing", "", 404),
    ("alice", "PUT", "/api/v1/repository/acme/web", r#"{"description": "the front end"}"#, 200),
    ("alice", "POST", "/api/v1/repository/acme/web/changevisibility", r#"{"visibility": "private"}"#, 200),
    ("bob", "DELETE", "/api/v1/repository/acme/web", "", 403),
    ("alice", "PUT", "/api/v1/repository/acme/web/permissions/user/bob", r#"{"role": "read"}"#, 200),
    ("bob", "PUT", "/api/v1/repository/acme/web/permissions/user/bob", r#"{"role": "admin"}"#, 403),
    ("bob", "DELETE", "/api/v1/repository/acme/web/permissions/user/bob", "", 403),
    ("alice", "GET", "/api/v1/repository/acme/web/permissions/user/", "", 200),
    ("alice", "GET", "/api/v1/repository/acme/web/permissions/user/bob", "", 200),
    ("alice", "GET", "/api/v1/repository/acme/web/permissions/user/bob/transitive", "", 200),
    ("alice", "PUT", "/api/v1/repository/acme/web/permissions/team/builders", r#"{"role": "write"}"#, 200),
    ("alice", "GET", "/api/v1/repository/acme/web/permissions/team/", "", 200),
    ("alice", "GET", "/api/v1/repository/acme/web/permissions/team/builders", "", 200),
    ("alice", "DELETE", "/api/v1/repository/acme/web/permissions/user/bob", "", 204),
    ("alice", "POST", "/api/v1/user/starred", r#"{"namespace": "acme", "repository": "web"}"#, 201),
    ("alice", "GET", "/api/v1/user/starred", "", 200),
    ("alice", "DELETE", "/api/v1/user/starred/acme/web", "", 204),
    ("alice", "GET", "/api/v1/find/all?query=web", "", 200),
    ("alice", "GET", "/api/v1/find/repositories?query=web&page=1&includeUsage=true", "", 200),
    ("alice", "GET", "/api/v1/users/bob", "", 200),
    ("alice", "GET", "/api/v1/entities/bo?namespace=acme&includeTeams=true", "", 200),
];

const TAGS: &[Row] = &[
    (
        "alice",
        "GET",
        "/api/v1/repository/acme/web/tag/?limit=100&page=1&onlyActiveTags=true&includeTags=true",
        "",
        200,
    ),
    ("alice", "GET", "/api/v1/repository/acme/web/tag/?specificTag=v1&limit=100", "", 200),
    ("alice", "GET", "/api/v1/repository/acme/nothing/tag/", "", 404),
    ("alice", "PUT", "/api/v1/repository/acme/web/tag/new", r#"{"manifest_digest": "{digest}"}"#, 201),
    ("alice", "PUT", "/api/v1/repository/acme/web/tag/new", r#"{"expiration": null}"#, 201),
    ("alice", "PUT", "/api/v1/repository/acme/web/tag/new", r#"{"immutable": true}"#, 201),
    ("alice", "DELETE", "/api/v1/repository/acme/web/tag/new", "", 409),
    ("alice", "PUT", "/api/v1/repository/acme/web/tag/new", r#"{"immutable": false}"#, 201),
    ("alice", "DELETE", "/api/v1/repository/acme/web/tag/new", "", 204),
    (
        "alice",
        "POST",
        "/api/v1/repository/acme/web/tag/new/restore",
        r#"{"manifest_digest": "{digest}"}"#,
        200,
    ),
    (
        "alice",
        "POST",
        "/api/v1/repository/acme/web/tag/new/expire",
        r#"{"manifest_digest": "{digest}", "include_submanifests": true, "is_alive": true}"#,
        200,
    ),
    ("alice", "GET", "/api/v1/repository/acme/web/manifest/{digest}?include_modelcard=true", "", 200),
    (
        "alice",
        "POST",
        "/api/v1/repository/acme/web/manifest/{digest}/labels",
        r#"{"key": "stage", "value": "test", "media_type": "text/plain"}"#,
        201,
    ),
    ("alice", "GET", "/api/v1/repository/acme/web/manifest/{digest}/labels", "", 200),
    ("alice", "GET", "/api/v1/repository/acme/web/manifest/{digest}/labels/{id}", "", 200),
    ("alice", "DELETE", "/api/v1/repository/acme/web/manifest/{digest}/labels/{id}", "", 204),
];

const PATTERN: &str = r#"{"tagPattern": "^r", "tagPatternMatches": true}"#;
const PRUNE: &str = r#"{"method": "number_of_tags", "value": 10}"#;

const POLICIES: &[Row] = &[
    ("alice", "POST", "/api/v1/organization/acme/immutabilitypolicy/", PATTERN, 201),
    ("alice", "POST", "/api/v1/organization/acme/immutabilitypolicy/", PATTERN, 400),
    ("alice", "GET", "/api/v1/organization/acme/immutabilitypolicy/", "", 200),
    ("alice", "GET", "/api/v1/organization/acme/immutabilitypolicy/{uuid}", "", 200),
    ("alice", "PUT", "/api/v1/organization/acme/immutabilitypolicy/{uuid}", PATTERN, 204),
    ("alice", "DELETE", "/api/v1/organization/acme/immutabilitypolicy/{uuid}", "", 200),
    ("alice", "DELETE", "/api/v1/organization/acme/immutabilitypolicy/{uuid}", "", 404),
    ("alice", "POST", "/api/v1/repository/acme/web/immutabilitypolicy/", PATTERN, 201),
    ("alice", "GET", "/api/v1/repository/acme/web/immutabilitypolicy/", "", 200),
    ("alice", "GET", "/api/v1/repository/acme/web/immutabilitypolicy/{uuid}", "", 200),
    ("alice", "PUT", "/api/v1/repository/acme/web/immutabilitypolicy/{uuid}", PATTERN, 204),
    ("alice", "DELETE", "/api/v1/repository/acme/web/immutabilitypolicy/{uuid}", "", 200),
    ("alice", "DELETE", "/api/v1/repository/acme/web/immutabilitypolicy/{uuid}", "", 404),
    ("alice", "POST", "/api/v1/organization/acme/autoprunepolicy/", PRUNE, 201),
    ("alice", "POST", "/api/v1/organization/acme/autoprunepolicy/", r#"{"method": "magic"}"#, 400),
    ("bob", "POST", "/api/v1/organization/acme/autoprunepolicy/", PRUNE, 403),
    ("alice", "GET", "/api/v1/organization/acme/autoprunepolicy/", "", 200),
    ("alice", "GET", "/api/v1/organization/acme/autoprunepolicy/{uuid}", "", 200),
    (
        "alice",
        "PUT",
        "/api/v1/organization/acme/autoprunepolicy/{uuid}",
        r#"{"method": "creation_date", "value": "7d"}"#,
        204,
    ),
    ("alice", "DELETE", "/api/v1/organization/acme/autoprunepolicy/{uuid}", "", 200),
    ("alice", "DELETE", "/api/v1/organization/acme/autoprunepolicy/{uuid}", "", 404),
    ("alice", "POST", "/api/v1/repository/acme/web/autoprunepolicy/", PRUNE, 201),
    ("alice", "POST", "/api/v1/repository/acme/web/autoprunepolicy/", r#"{"method": "magic"}"#, 400),
    ("bob", "POST", "/api/v1/repository/acme/web/autoprunepolicy/", PRUNE, 403),
    ("alice", "GET", "/api/v1/repository/acme/web/autoprunepolicy/", "", 200),
    ("alice", "GET", "/api/v1/repository/acme/web/autoprunepolicy/{uuid}", "", 200),
    ("alice", "PUT", "/api/v1/repository/acme/web/autoprunepolicy/{uuid}", PRUNE, 204),
    ("bob", "DELETE", "/api/v1/repository/acme/web/autoprunepolicy/{uuid}", "", 403),
    ("alice", "DELETE", "/api/v1/repository/acme/web/autoprunepolicy/{uuid}", "", 200),
    ("alice", "POST", "/api/v1/user/autoprunepolicy/", PRUNE, 201),
    ("alice", "POST", "/api/v1/user/autoprunepolicy/", r#"{"method": "magic"}"#, 400),
    ("alice", "GET", "/api/v1/user/autoprunepolicy/", "", 200),
    ("alice", "GET", "/api/v1/user/autoprunepolicy/{uuid}", "", 200),
    ("alice", "PUT", "/api/v1/user/autoprunepolicy/{uuid}", PRUNE, 204),
    ("alice", "DELETE", "/api/v1/user/autoprunepolicy/{uuid}", "", 200),
];

const ROBOTS: &[Row] = &[
    ("alice", "PUT", "/api/v1/organization/acme/robots/ci", r#"{"description": "builds"}"#, 201),
    ("alice", "PUT", "/api/v1/organization/acme/robots/ci", r#"{"description": "builds"}"#, 400),
    ("bob", "PUT", "/api/v1/organization/acme/robots/mine", "{}", 403),
    ("alice", "GET", "/api/v1/organization/acme/robots?permissions=true&token=false", "", 200),
    ("alice", "GET", "/api/v1/organization/acme/robots/ci", "", 200),
    ("alice", "POST", "/api/v1/organization/acme/robots/ci/regenerate", "", 200),
    (
        "alice",
        "POST",
        "/api/v1/organization/acme/robots/ci/federation",
        r#"[{"issuer": "https://issuer.example.com", "subject": "job"}]"#,
        200,
    ),
    ("alice", "POST", "/api/v1/organization/acme/robots/ci/federation", r#"[{"issuer": "no"}]"#, 400),
    ("alice", "GET", "/api/v1/organization/acme/robots/ci/federation", "", 200),
    ("alice", "DELETE", "/api/v1/organization/acme/robots/ci/federation", "", 204),
    ("bob", "DELETE", "/api/v1/organization/acme/robots/ci", "", 403),
    ("alice", "DELETE", "/api/v1/organization/acme/robots/ci", "", 204),
    ("alice", "DELETE", "/api/v1/organization/acme/robots/ci", "", 400),
    ("alice", "PUT", "/api/v1/user/robots/ci", "", 201),
    ("alice", "GET", "/api/v1/user/robots", "", 200),
    ("alice", "GET", "/api/v1/user/robots/ci", "", 200),
    ("alice", "GET", "/api/v1/user/robots/ci/permissions", "", 200),
    ("alice", "POST", "/api/v1/user/robots/ci/regenerate", "", 200),
    ("alice", "DELETE", "/api/v1/user/robots/ci", "", 204),
];

const APPLICATIONS: &[Row] = &[
    ("alice", "POST", "/api/v1/organization/acme/applications", r#"{"name": "app"}"#, 200),
    ("alice", "POST", "/api/v1/organization/acme/applications", "{}", 400),
    ("bob", "POST", "/api/v1/organization/acme/applications", r#"{"name": "mine"}"#, 403),
    ("alice", "GET", "/api/v1/organization/acme/applications", "", 200),
    ("alice", "GET", "/api/v1/organization/acme/applications/{client_id}", "", 200),
    ("alice", "GET", "/api/v1/app/{client_id}", "", 200),
    (
        "alice",
        "PUT",
        "/api/v1/organization/acme/applications/{client_id}",
        r#"{"name": "app", "redirect_uri": "https://app.example.com/", "application_uri": ""}"#,
        200,
    ),
    ("alice", "PUT", "/api/v1/organization/acme/applications/{client_id}", "{}", 400),
    (
        "alice",
        "POST",
        "/api/v1/organization/acme/applications/{client_id}/tokens",
        r#"{"name": "nightly", "scope": "repo:read"}"#,
        200,
    ),
    ("alice", "GET", "/api/v1/organization/acme/applications/{client_id}/tokens", "", 200),
    ("alice", "DELETE", "/api/v1/organization/acme/applications/{client_id}/tokens/{uuid}", "", 204),
    ("alice", "DELETE", "/api/v1/organization/acme/applications/{client_id}", "", 204),
    ("alice", "GET", "/api/v1/user/authorizations", "", 200),
    ("alice", "GET", "/api/v1/user/assignedauthorization", "", 200),
    ("alice", "POST", "/api/v1/user/apptoken", r#"{"title": "laptop"}"#, 200),
    ("alice", "GET", "/api/v1/user/apptoken", "", 200),
    ("alice", "GET", "/api/v1/user/apptoken/{uuid}", "", 200),
    ("alice", "DELETE", "/api/v1/user/apptoken/{uuid}", "", 204),
    ("alice", "POST", "/api/v1/user/clientkey", r#"{"password": "eight-or-more"}"#, 200),
    ("admin", "GET", "/api/v1/superuser/apptokens", "", 200),
];

const WEBHOOK: &str = r#"{"title": "pushes", "event": "repo_push", "eventConfig": {}, "method": "webhook",
    "config": {"url": "https://hooks.example.com/"}}"#;
const MESSAGE: &str =
    r#"{"message": {"severity": "info", "media_type": "text/plain", "content": "Down at nine."}}"#;

const NOTIFICATIONS: &[Row] = &[
    ("alice", "POST", "/api/v1/repository/acme/web/notification/", WEBHOOK, 201),
    ("bob", "POST", "/api/v1/repository/acme/web/notification/", WEBHOOK, 403),
    ("alice", "GET", "/api/v1/repository/acme/web/notification/", "", 200),
    ("alice", "GET", "/api/v1/repository/acme/web/notification/{uuid}", "", 200),
    ("alice", "POST", "/api/v1/repository/acme/web/notification/{uuid}/test", "", 200),
    ("alice", "POST", "/api/v1/repository/acme/web/notification/{uuid}", "", 204),
    ("bob", "DELETE", "/api/v1/repository/acme/web/notification/{uuid}", "", 403),
    ("alice", "DELETE", "/api/v1/repository/acme/web/notification/{uuid}", "", 204),
    ("alice", "GET", "/api/v1/user/notifications", "", 200),
    ("alice", "GET", "/api/v1/user/notifications/00000000-0000-0000-0000-000000000000", "", 404),
    ("admin", "POST", "/api/v1/messages", MESSAGE, 201),
    ("bob", "POST", "/api/v1/messages", MESSAGE, 403),
    ("nobody", "GET", "/api/v1/messages", "", 200),
    ("bob", "DELETE", "/api/v1/message/{uuid}", "", 403),
    ("admin", "DELETE", "/api/v1/message/{uuid}", "", 204),
];

/// Nobody has such a name.
const CALLBACK: &str = r#"{"callback_url": "https://hooks.invalid/done"}"#;

const LOGS: &[Row] = &[
    ("alice", "GET", "/api/v1/organization/acme/logs?starttime=01/01/2026&endtime=12/31/2026", "", 200),
    ("alice", "GET", "/api/v1/organization/acme/aggregatelogs", "", 200),
    ("alice", "GET", "/api/v1/repository/acme/web/logs", "", 200),
    ("alice", "GET", "/api/v1/repository/acme/web/aggregatelogs", "", 200),
    ("alice", "GET", "/api/v1/user/logs", "", 200),
    ("alice", "GET", "/api/v1/user/aggregatelogs", "", 200),
    ("admin", "GET", "/api/v1/superuser/logs", "", 200),
    ("admin", "GET", "/api/v1/superuser/aggregatelogs", "", 200),
    ("alice", "POST", "/api/v1/organization/acme/exportlogs", CALLBACK, 200),
    ("alice", "POST", "/api/v1/user/exportlogs", CALLBACK, 200),
    ("alice", "POST", "/api/v1/repository/acme/web/exportlogs?starttime=01/01/2026", CALLBACK, 200),
    ("bob", "POST", "/api/v1/organization/acme/exportlogs", CALLBACK, 403),
    // No e-mail is sent.
    ("alice", "POST", "/api/v1/user/exportlogs", r#"{"callback_email": "a@example.com"}"#, 400),
];

const KEY: &str = r#"{"service": "wharfinger", "name": "next", "notes": "", "expiration": null}"#;

const SUPERUSER: &[Row] = &[
    ("nobody", "GET", "/api/v1/superuser/registrystatus", "", 200),
    ("admin", "GET", "/api/v1/superuser/changelog/", "", 200),
    ("admin", "GET", "/api/v1/superuser/changelog", "", 308),
    ("admin", "GET", "/api/v1/superuser/registrysize/", "", 200),
    ("admin", "POST", "/api/v1/superuser/registrysize/", "", 202),
    ("bob", "POST", "/api/v1/superuser/registrysize/", "", 403),
    ("admin", "GET", "/api/v1/superuser/registrysettings", "", 308),
    ("admin", "GET", "/api/v1/superuser/registrysettings/", "", 404),
    ("admin", "POST", "/api/v1/superuser/config/validate/database", "{}", 405),
    ("admin", "POST", "/api/v1/superuser/keys", KEY, 200),
    ("bob", "POST", "/api/v1/superuser/keys", KEY, 403),
    ("admin", "GET", "/api/v1/superuser/keys", "", 200),
    ("bob", "GET", "/api/v1/superuser/keys", "", 403),
    ("admin", "GET", "/api/v1/superuser/keys/{kid}", "", 200),
    ("admin", "PUT", "/api/v1/superuser/keys/{kid}", r#"{"name": "nightly"}"#, 200),
    ("admin", "POST", "/api/v1/superuser/approvedkeys/{kid}", r#"{"notes": "seen"}"#, 201),
    ("bob", "DELETE", "/api/v1/superuser/keys/{kid}", "", 403),
    ("admin", "DELETE", "/api/v1/superuser/keys/{kid}", "", 204),
    ("admin", "POST", "/api/v1/superuser/users/", r#"{"username": "carol"}"#, 200),
    ("bob", "POST", "/api/v1/superuser/users/", r#"{"username": "dora"}"#, 403),
    ("admin", "GET", "/api/v1/superuser/users/?disabled=true", "", 200),
    ("bob", "GET", "/api/v1/superuser/users/", "", 403),
    ("admin", "GET", "/api/v1/superuser/users/carol", "", 200),
    ("admin", "PUT", "/api/v1/superuser/users/carol", r#"{"enabled": false}"#, 200),
    ("bob", "DELETE", "/api/v1/superuser/users/carol", "", 403),
    ("admin", "DELETE", "/api/v1/superuser/users/carol", "", 204),
    ("admin", "GET", "/api/v1/superuser/organizations/", "", 200),
    ("bob", "GET", "/api/v1/superuser/organizations/", "", 403),
    ("admin", "POST", "/api/v1/superuser/takeownership/acme", "", 200),
];

const END: &[Row] = &[
    ("alice", "DELETE", "/api/v1/repository/acme/web", "", 204),
    ("alice", "DELETE", "/api/v1/organization/acme/team/builders", "", 204),
    ("bob", "DELETE", "/api/v1/organization/acme", "", 403),
    ("alice", "DELETE", "/api/v1/organization/acme", "", 204),
    ("admin", "DELETE", "/api/v1/superuser/organizations/acme", "", 404),
];

/// The browsers of everybody, and what was answered last.
struct Pages<'a> {
    browsers: BTreeMap<&'static str, Browser<'a>>,
    answered: BTreeMap<String, String>,
}

impl<'a> Pages<'a> {
    fn open(server: &'a Server) -> Self {
        for name in ["alice", "bob"] {
            server.add_user_with_password(name, PASSWORD);
        }
        let people = [("admin", ADMIN_PASSWORD), ("alice", PASSWORD), ("bob", PASSWORD), ("nobody", "")];
        let browsers = people.map(|(name, password)| {
            let mut browser = Browser::open(server);
            if !password.is_empty() {
                assert_eq!(browser.sign_in(name, password).status, 200, "{name}");
            }
            (name, browser)
        });
        Self { browsers: browsers.into(), answered: BTreeMap::new() }
    }

    /// Makes the requests one after the other; what was answered otherwise than expected.
    fn ask(&mut self, rows: &[Row]) -> Vec<String> {
        let mut wrong = Vec::new();
        for (who, method, path, body, expected) in rows {
            let (path, body) = (self.filled(path), self.filled(body));
            let body = serde_json::from_str::<Value>(&body).ok();
            let answer = self.browsers.get_mut(who).unwrap().send(method, &path, body.as_ref());
            if answer.status != *expected {
                wrong.push(format!("{who}: {method} {path}: {} {}", answer.status, answer.text()));
            } else if let Ok(document) = serde_json::from_slice(&answer.body) {
                self.remember(&document);
            }
        }
        wrong
    }

    fn filled(&self, text: &str) -> String {
        self.answered
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    /// Members of a document, of those in it, and of the last in its lists.
    fn remember(&mut self, document: &Value) {
        match document {
            Value::Object(members) => {
                for (name, value) in members {
                    if let Some(text) = value.as_str() {
                        self.answered.insert(name.clone(), text.to_owned());
                    }
                    self.remember(value);
                }
            }
            Value::Array(entries) => entries.iter().for_each(|entry| self.remember(entry)),
            _ => {}
        }
    }
}

#[test]
fn quays_pages_find_every_operation_that_they_ask_for() {
    let settings =
        [("trusted-issuers", "https://issuer.example.com"), ("public-url", "https://registry.example.com")];
    let server = Server::start_with(Engine::Sqlite, &settings);
    let mut pages = Pages::open(&server);
    let mut wrong = pages.ask(BOOTSTRAP);
    wrong.extend(pages.ask(ORGANIZATIONS));
    wrong.extend(pages.ask(REPOSITORIES));
    let digest = server.push("acme/web", "v1", &Image::of("web"));
    pages.answered.insert("digest".into(), digest);
    for rows in [TAGS, POLICIES, ROBOTS, APPLICATIONS, NOTIFICATIONS, LOGS, SUPERUSER, END] {
        wrong.extend(pages.ask(rows));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
