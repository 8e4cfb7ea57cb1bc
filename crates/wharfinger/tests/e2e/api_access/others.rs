//! What belongs to somebody else, asked for in a path of one's own: it is not there, and stays as it is. Whoever asks
//! administers both places, so nothing but the path says whose it is.

use serde_json::{Value, json};

use super::operations::{Operation, described};
use super::state::{State, difference};
use super::world::{REPOSITORY, World};
use crate::support::{Answer, EVERY_SCOPE, Image};

const OTHER_REPOSITORY: &str = "other/private";

/// What is made elsewhere: the segment that its id follows, where it is made, by what body, and where the answer has its
/// id.
const MADE: &[(&str, &str, &str, &str)] = &[
    ("immutabilitypolicy", "organization/other/immutabilitypolicy/", IMMUTABILITY, "/uuid"),
    ("immutabilitypolicy", "repository/other/private/immutabilitypolicy/", IMMUTABILITY, "/uuid"),
    ("autoprunepolicy", "organization/other/autoprunepolicy/", PRUNING, "/uuid"),
    ("autoprunepolicy", "repository/other/private/autoprunepolicy/", PRUNING, "/uuid"),
    ("prototypes", "organization/other/prototypes", PROTOTYPE, "/id"),
    ("applications", "organization/other/applications", r#"{"name": "app"}"#, "/client_id"),
    ("tokens", "organization/other/applications/{client_id}/tokens", TOKEN, "/uuid"),
    ("labels", "repository/other/private/manifest/{manifestref}/labels", LABEL, "/label/id"),
    ("notification", "repository/other/private/notification/", NOTIFICATION, "/uuid"),
];
/// The same of another user.
const MADE_BY_USER: &[(&str, &str, &str, &str)] = &[
    ("autoprunepolicy", "user/autoprunepolicy/", PRUNING, "/uuid"),
    ("apptoken", "user/apptoken", r#"{"title": "laptop"}"#, "/token/uuid"),
];
const IMMUTABILITY: &str = r#"{"tagPattern": "x", "tagPatternMatches": true}"#;
const PRUNING: &str = r#"{"method": "number_of_tags", "value": 1000}"#;
const PROTOTYPE: &str = r#"{"role": "read", "delegate": {"kind": "user", "name": "reader"}}"#;
const TOKEN: &str = r#"{"name": "ci", "scope": "repo:read"}"#;
const LABEL: &str = r#"{"key": "who", "value": "others", "media_type": null}"#;
const NOTIFICATION: &str = r#"{
    "event": "repo_push", "eventConfig": {}, "method": "webhook", "config": {"url": "https://hooks.example.com/x"}
}"#;

/// Parameters that name something within what stands before them.
const IDS: &[&str] = &[
    "{access_token_uuid}",
    "{client_id}",
    "{labelid}",
    "{policy_uuid}",
    "{prototypeid}",
    "{robot_shortname}",
    "{teamname}",
    "{token_uuid}",
    "{uuid}",
];
/// Operations that make something of that name.
const MAKING: &[&str] = &["createOrgRobot", "createUserRobot", "updateOrganizationTeam"];

/// What somebody hears who asks for what is another's, in Quay's words.
fn told(id: &str) -> u16 {
    match id {
        _ if id.contains("Robot") => 400,
        "getTeamPermissions" | "changeTeamPermissions" | "deleteTeamPermissions" => 400,
        "resetRepositoryNotificationFailures" | "deleteRepoNotification" | "testRepoNotification" => 400,
        _ => 404,
    }
}

fn body(id: &str) -> Value {
    let text = match id {
        _ if id.contains("ImmutabilityPolicy") => IMMUTABILITY,
        _ if id.contains("AutoPrunePolicy") => PRUNING,
        "updateOrganizationPrototypePermission" => r#"{"role": "admin"}"#,
        "updateOrganizationApplication" => r#"{"name": "mine", "redirect_uri": "", "application_uri": ""}"#,
        "createOrganizationApplicationToken" => TOKEN,
        "createOrgRobotFederation" => "[]",
        "changeTeamPermissions" => r#"{"role": "read"}"#,
        _ => "{}",
    };
    serde_json::from_str(text).unwrap()
}

/// The world, with ids of what is elsewhere in it.
struct Others {
    world: World,
    /// The segment that an id follows, and the id.
    ids: Vec<(&'static str, String)>,
    /// An application of one's own.
    client_id: String,
}

impl Others {
    fn new() -> Self {
        let world = World::new();
        let stranger = world.server.token("stranger", EVERY_SCOPE);
        let made = world.by_olga("POST", "/api/v1/organization/", &json!({"name": "other"}));
        assert_eq!(made.status, 201, "{made:?}");
        world.server.create_repository_by(&world.olga, OTHER_REPOSITORY, "private");
        world.server.push(OTHER_REPOSITORY, "v1", &Image::of("any"));
        let mut others = Self { world, ids: Vec::new(), client_id: String::new() };
        for (olga, made) in [(true, MADE), (false, MADE_BY_USER)] {
            for (segment, path, body, pointer) in made {
                let token = if olga { others.world.olga.clone() } else { stranger.clone() };
                let answer = others.make(&token, path, &serde_json::from_str(body).unwrap());
                let id = answer.json().pointer(pointer).and_then(Value::as_str).map(str::to_owned);
                others.ids.push((*segment, id.unwrap_or_else(|| panic!("{path}: {answer:?}"))));
            }
        }
        for (segment, path) in
            [("robots", "organization/other/robots/theirs"), ("team", "organization/other/team/theirs")]
        {
            let made = others.world.by_olga("PUT", &format!("/api/v1/{path}"), &json!({"role": "member"}));
            assert!(made.status < 300, "{path}: {made:?}");
            others.ids.push((segment, "theirs".into()));
        }
        let theirs = others.world.server.call("PUT", "/api/v1/user/robots/hers").bearer(&stranger).send();
        assert_eq!(theirs.status, 201, "{theirs:?}");
        others.ids.push(("robots", "hers".into()));
        others.ids.push(("authorizations", stranger[..20].into()));
        let mine =
            others.world.by_olga("POST", "/api/v1/organization/acme/applications", &json!({"name": "mine"}));
        mine.json()["client_id"].as_str().unwrap().clone_into(&mut others.client_id);
        others
    }

    fn make(&self, token: &str, path: &str, body: &Value) -> Answer {
        let application = self.ids.iter().find(|(segment, _)| *segment == "applications");
        let path = path.replace("{manifestref}", &self.world.digest);
        let path = path.replace("{client_id}", application.map_or("", |(_, id)| id));
        self.world.server.call("POST", &format!("/api/v1/{path}")).bearer(token).json(body).send()
    }

    /// The operation's paths in which one id is another's.
    fn paths(&self, operation: &Operation) -> Vec<String> {
        let segments: Vec<_> = operation.path.split('/').collect();
        let mut paths = Vec::new();
        for (at, segment) in segments.iter().enumerate().filter(|(_, segment)| IDS.contains(*segment)) {
            let ids = self.ids.iter().filter(|(before, _)| *before == segments[at - 1]);
            let before = paths.len();
            for (_, id) in ids {
                let one =
                    |(number, part): (usize, &&str)| if number == at { id.clone() } else { self.own(part) };
                paths.push(segments.iter().enumerate().map(one).collect::<Vec<_>>().join("/"));
            }
            assert!(paths.len() > before, "{}: of whose is no {segment}?", operation.path);
        }
        paths
    }

    fn own(&self, segment: &str) -> String {
        match segment {
            "{orgname}" => "acme",
            "{repository}" => REPOSITORY,
            "{manifestref}" => self.world.digest.as_str(),
            "{client_id}" => self.client_id.as_str(),
            "{teamname}" => "crew",
            "{membername}" => "reader",
            other => other,
        }
        .to_owned()
    }
}

#[test]
fn what_is_anothers_is_not_found_in_a_path_of_ones_own_and_stays_as_it_is() {
    let others = Others::new();
    let state = State::of(&others.world.server);
    let before = state.rows();
    let mut wrong = Vec::new();
    for operation in described(&others.world.server).1 {
        let own = ["organization", "repository", "user"];
        if !own.iter().any(|own| operation.path.starts_with(&format!("/api/v1/{own}/")))
            || MAKING.contains(&operation.id.as_str())
        {
            continue;
        }
        for path in others.paths(&operation) {
            let call = others.world.server.call(&operation.method, &path).bearer(&others.world.olga);
            let call = if operation.has_body { call.json(&body(&operation.id)) } else { call };
            let (status, expected) = (call.send().status, told(&operation.id));
            if status != expected {
                wrong.push(format!("{} {path}: {status}, not {expected}", operation.method));
            }
            let changed = difference(&before, &state.rows());
            if !changed.is_empty() {
                wrong.push(format!("{} {path} changed {changed:?}", operation.method));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
