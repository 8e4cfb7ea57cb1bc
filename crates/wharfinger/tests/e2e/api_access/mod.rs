//! Who may call each operation of Quay's API, and whether what it answers is what the API says of itself. The registry
//! tells which operations there are, so one without a row here fails.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Answer, EVERY_SCOPE, Engine, Image, Schemas, Server};

const REPOSITORY: &str = "alice/private";

/// What an operation asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nothing, and credentials are not looked at.
    Nothing,
    /// Nothing, but the answer depends on who asks.
    AnyCaller,
    /// A page of ours, whoever sits in front of it: no token is enough.
    Page,
    /// A role on the repository.
    Read,
    Write,
    Admin,
    /// To administer the organization.
    Organization,
    /// To be anybody, with this scope.
    Oneself(&'static str),
    /// The same, and nobody is there to be asked again: tried only by those who must be refused.
    Leaving(&'static str),
    /// To be anybody. With which right depends on the body, where this scope is enough.
    Somebody(&'static str),
    /// To be a superuser.
    Superuser,
}
use Needs::{
    Admin, AnyCaller, Leaving, Nothing, Oneself, Organization, Page, Read, Somebody, Superuser, Write,
};

const ROWS: &[(&str, Needs)] = &[
    ("createRepo", Somebody("repo:create")),
    ("getRepo", Read),
    ("updateRepo", Write),
    ("deleteRepository", Admin),
    ("changeRepoVisibility", Admin),
    ("changeRepoState", Admin),
    ("listRepos", AnyCaller),
    ("listStarredRepos", Oneself("user:read")),
    ("createStar", Oneself("user:read")),
    ("deleteStar", Oneself("user:read")),
    ("listRepoNotifications", Admin),
    ("createRepoNotification", Admin),
    ("getRepoNotification", Admin),
    ("resetRepositoryNotificationFailures", Admin),
    ("deleteRepoNotification", Admin),
    ("testRepoNotification", Admin),
    ("listUserNotifications", Oneself("user:read")),
    ("conductRepoSearch", AnyCaller),
    ("conductSearch", AnyCaller),
    ("getMatchingEntities", Somebody("repo:read")),
    ("getGlobalMessages", Nothing),
    ("createGlobalMessage", Superuser),
    ("deleteGlobalMessage", Superuser),
    ("listRepoTags", Read),
    ("changeTag", Write),
    ("deleteFullTag", Write),
    ("restoreTag", Write),
    ("removeTagFromTimemachine", Write),
    ("getTagPullStatistics", Read),
    ("getRepoManifest", Read),
    ("getManifestPullStatistics", Read),
    ("listManifestLabels", Read),
    ("addManifestLabel", Write),
    ("getManifestLabel", Read),
    ("deleteManifestLabel", Write),
    ("listRepoUserPermissions", Admin),
    ("getUserPermissions", Admin),
    ("changeUserPermissions", Admin),
    ("deleteUserPermissions", Admin),
    ("listOrgImmutabilityPolicies", Organization),
    ("createOrgImmutabilityPolicy", Organization),
    ("getOrgImmutabilityPolicy", Organization),
    ("updateOrgImmutabilityPolicy", Organization),
    ("deleteOrgImmutabilityPolicy", Organization),
    ("listRepositoryImmutabilityPolicies", Admin),
    ("createRepositoryImmutabilityPolicy", Admin),
    ("getRepositoryImmutabilityPolicy", Admin),
    ("updateRepositoryImmutabilityPolicy", Admin),
    ("deleteRepositoryImmutabilityPolicy", Admin),
    ("listOrganizationAutoPrunePolicies", Organization),
    ("createOrganizationAutoPrunePolicy", Organization),
    ("getOrganizationAutoPrunePolicy", Organization),
    ("updateOrganizationAutoPrunePolicy", Organization),
    ("deleteOrganizationAutoPrunePolicy", Organization),
    ("listRepositoryAutoPrunePolicies", Admin),
    ("createRepositoryAutoPrunePolicy", Admin),
    ("getRepositoryAutoPrunePolicy", Admin),
    ("updateRepositoryAutoPrunePolicy", Admin),
    ("deleteRepositoryAutoPrunePolicy", Admin),
    ("previewRepositoryAutoPrune", Admin),
    ("listUserAutoPrunePolicies", Oneself("user:admin")),
    ("createUserAutoPrunePolicy", Oneself("user:admin")),
    ("getUserAutoPrunePolicy", Oneself("user:admin")),
    ("updateUserAutoPrunePolicy", Oneself("user:admin")),
    ("deleteUserAutoPrunePolicy", Oneself("user:admin")),
    ("createOrganization", Oneself("user:admin")),
    ("getOrganization", AnyCaller),
    ("changeOrganizationDetails", Organization),
    ("getOrgRobotFederation", Organization),
    ("createOrgRobotFederation", Organization),
    ("deleteOrgRobotFederation", Organization),
    ("initializeFirstUser", Nothing),
    ("getLoggedInUser", Oneself("user:read")),
    ("changeUserDetails", Oneself("user:admin")),
    ("listRepoLogs", Admin),
    ("getAggregateRepoLogs", Admin),
    ("listOrgLogs", Organization),
    ("getAggregateOrgLogs", Organization),
    ("listUserLogs", Oneself("user:admin")),
    ("getAggregateUserLogs", Oneself("user:admin")),
    ("listRepoTeamPermissions", Admin),
    ("getUserTransitivePermission", Admin),
    ("getTeamPermissions", Admin),
    ("changeTeamPermissions", Admin),
    ("deleteTeamPermissions", Admin),
    ("deleteAdminedOrganization", Organization),
    ("getOrganizationMembers", Organization),
    ("getOrganizationMember", Organization),
    ("removeOrganizationMember", Organization),
    ("getOrganizationCollaborators", Organization),
    ("updateOrganizationTeam", Organization),
    ("deleteOrganizationTeam", Organization),
    ("getOrganizationTeamMembers", Organization),
    ("updateOrganizationTeamMember", Organization),
    ("deleteOrganizationTeamMember", Organization),
    ("getOrganizationTeamPermissions", Organization),
    ("getOrganizationPrototypePermissions", Organization),
    ("createOrganizationPrototypePermission", Organization),
    ("updateOrganizationPrototypePermission", Organization),
    ("deleteOrganizationPrototypePermission", Organization),
    ("getOrgRobots", Organization),
    ("getOrgRobot", Organization),
    ("createOrgRobot", Organization),
    ("deleteOrgRobot", Organization),
    ("regenerateOrgRobotToken", Organization),
    ("getOrgRobotPermissions", Organization),
    ("getUserRobots", Oneself("user:admin")),
    ("getUserRobot", Oneself("user:admin")),
    ("createUserRobot", Oneself("user:admin")),
    ("deleteUserRobot", Oneself("user:admin")),
    ("regenerateUserRobotToken", Oneself("user:admin")),
    ("getUserRobotPermissions", Oneself("user:admin")),
    ("listAppTokens", Oneself("user:admin")),
    ("createAppToken", Oneself("user:admin")),
    ("getAppToken", Oneself("user:admin")),
    ("revokeAppToken", Oneself("user:admin")),
    ("deleteCurrentUser", Leaving("user:admin")),
    ("createNewUser", AnyCaller),
    ("getUserInformation", AnyCaller),
    ("listAllUsers", Superuser),
    ("createInstallUser", Superuser),
    ("getInstallUser", Superuser),
    ("changeInstallUser", Superuser),
    ("deleteInstallUser", Superuser),
    ("listAllOrganizations", Superuser),
    ("changeOrganization", Superuser),
    ("deleteOrganization", Superuser),
    ("takeOwnership", Superuser),
    ("listAllAppTokens", Superuser),
    ("listAllLogs", Superuser),
    ("getAllAggregateLogs", Superuser),
    ("signinUser", Page),
    ("verifyUser", Oneself("user:admin")),
    ("logout", AnyCaller),
    ("getOrganizationApplications", Organization),
    ("createOrganizationApplication", Organization),
    ("getOrganizationApplication", Organization),
    ("updateOrganizationApplication", Organization),
    ("deleteOrganizationApplication", Organization),
    ("resetOrganizationApplicationClientSecret", Organization),
    ("getApplicationInformation", AnyCaller),
    ("listOrganizationApplicationTokens", Organization),
    ("createOrganizationApplicationToken", Organization),
    ("deleteOrganizationApplicationToken", Organization),
    ("listUserAuthorizations", Oneself("user:admin")),
    ("deleteUserAuthorization", Oneself("user:admin")),
    ("listAssignedAuthorizations", Oneself("user:admin")),
    ("discovery", Nothing),
    ("getOpenApi", Nothing),
    ("getRegistryCapabilities", Nothing),
    ("getErrorDescription", Nothing),
];

impl Needs {
    /// The scope that is enough for the owner of everything.
    fn scope(self) -> Option<&'static str> {
        match self {
            Nothing | AnyCaller | Page => None,
            Read => Some("repo:read"),
            Write => Some("repo:write"),
            Admin => Some("repo:admin"),
            Organization => Some("org:admin"),
            Oneself(scope) | Leaving(scope) | Somebody(scope) => Some(scope),
            Superuser => Some("super:user"),
        }
    }

    /// Whose right is enough, whatever there is.
    fn owner(self) -> &'static str {
        if self == Superuser { "admin" } else { "alice" }
    }

    /// Whether somebody may call who has every scope and this role on the repository, but is nobody's administrator.
    fn is_met_by(self, role: Option<Needs>) -> bool {
        match self {
            Nothing | AnyCaller | Oneself(_) | Leaving(_) | Somebody(_) => true,
            Organization | Superuser | Page => false,
            Read => role.is_some(),
            Write => matches!(role, Some(Write | Admin)),
            Admin => role == Some(Admin),
        }
    }
}

/// All scopes but this one and those that include it.
fn without(scope: &str) -> String {
    let higher: &[&str] = match scope {
        "repo:read" => &["repo:write", "repo:admin"],
        "repo:write" => &["repo:admin"],
        "repo:create" => &["org:admin"],
        "user:read" => &["user:admin"],
        _ => &[],
    };
    let others = EVERY_SCOPE.split(' ').filter(|it| *it != scope && !higher.contains(it));
    others.collect::<Vec<_>>().join(" ")
}

/// One operation, as the registry describes it.
struct Operation {
    id: String,
    method: String,
    path: String,
    security: Value,
    responses: Value,
    has_body: bool,
}

fn document(server: &Server) -> Value {
    server.call("GET", "/api/v1/openapi.json").send().json()
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                security: operation["security"].clone(),
                responses: operation["responses"].clone(),
                has_body: operation["requestBody"].is_object(),
            });
        }
    }
    found
}

/// Alice with a repository, three who have a role on it, her organization, and a stranger.
struct World {
    server: Server,
    schemas: Schemas,
    digest: String,
    owner: String,
    callers: Vec<(&'static str, Option<Needs>, String)>,
}

impl World {
    fn new() -> Self {
        let server = Server::start(Engine::Sqlite);
        let people =
            [("stranger", None), ("reader", Some(Read)), ("writer", Some(Write)), ("manager", Some(Admin))];
        server.add_user("alice");
        let callers = people.map(|(name, role)| {
            server.add_user(name);
            (name, role, server.token(name, EVERY_SCOPE))
        });
        let owner = server.token("alice", EVERY_SCOPE);
        let digest = Image::of("any").digest();
        let schemas = Schemas(document(&server));
        Self { server, schemas, digest, owner, callers: callers.into() }
    }

    /// Puts back what an operation may have taken away.
    fn make_whole(&self) {
        let server = &self.server;
        let path = format!("/api/v1/repository/{REPOSITORY}");
        if server.call("GET", &path).bearer(&self.owner).send().status != 200 {
            server.create_repository_by(&self.owner, REPOSITORY, "private");
        }
        let private = json!({"visibility": "private"});
        server.call("POST", &format!("{path}/changevisibility")).bearer(&self.owner).json(&private).send();
        server.push(REPOSITORY, "v1", &Image::of("any"));
        for (user, role) in [("reader", "read"), ("writer", "write"), ("manager", "admin")] {
            server.give_role(REPOSITORY, user, role);
        }
        server
            .call("POST", "/api/v1/organization/")
            .bearer(&self.owner)
            .json(&json!({"name": "acme"}))
            .send();
    }

    fn ask(&self, operation: &Operation, token: Option<&str>) -> Answer {
        let path: Vec<_> = operation
            .path
            .split('/')
            .map(|segment| match segment {
                "{repository}" => REPOSITORY,
                "{tag}" => "v1",
                "{manifestref}" => &self.digest,
                "{orgname}" => "acme",
                // Superusers would delete whoever it is.
                "{username}" if operation.path.contains("/superuser/") => "nobody",
                "{username}" => "reader",
                "{error_type}" => "not_found",
                other if other.starts_with('{') => "00000000-0000-0000-0000-000000000000",
                other => other,
            })
            .collect();
        let call = self.server.call(&operation.method, &path.join("/"));
        let call = if operation.has_body { call.json(&json!({})) } else { call };
        let answer = match token {
            Some(token) => call.bearer(token).send(),
            None => call.send(),
        };
        self.check_answer(operation, &answer);
        answer
    }

    /// A success is one that the document knows, and its body what the document says.
    fn check_answer(&self, operation: &Operation, answer: &Answer) {
        if answer.status >= 300 {
            return;
        }
        let declared = &operation.responses[answer.status.to_string()];
        assert!(declared.is_object(), "{}: {answer:?}", operation.id);
        match declared.pointer("/content/application~1json/schema") {
            Some(schema) => {
                let checked = self.schemas.check(schema, &answer.json());
                assert_eq!(checked, Ok(()), "{}: {}", operation.id, answer.text());
            }
            None => assert_eq!(answer.text(), "", "{}", operation.id),
        }
    }

    /// Asks everybody who must be refused, then everybody who must not.
    fn check(&self, operation: &Operation, needs: Needs) {
        let id = &operation.id;
        self.make_whole();
        let nobody = self.ask(operation, None);
        let refused = needs.scope().is_some() || needs == Page;
        assert_eq!(is_refused(&nobody), refused, "{id} by nobody: {nobody:?}");
        if needs == Nothing {
            let bad = self.ask(operation, Some("a.b.c"));
            assert_eq!((bad.status, &bad.body), (nobody.status, &nobody.body), "{id} looks at credentials");
        }
        let met = |role: &Option<Needs>| needs.is_met_by(*role);
        for (name, _, token) in self.callers.iter().filter(|(_, role, _)| !met(role)) {
            let answer = self.ask(operation, Some(token));
            assert_eq!(answer.status, 403, "{id} by {name}: {answer:?}");
        }
        if let (Some(scope), false) = (needs.scope(), matches!(needs, Somebody(_))) {
            let answer = self.ask(operation, Some(&self.server.token(needs.owner(), &without(scope))));
            assert!(is_refused(&answer), "{id} without {scope}: {answer:?}");
        }
        if matches!(needs, Leaving(_)) {
            return;
        }
        for (name, _, token) in self.callers.iter().filter(|(_, role, _)| met(role)) {
            let answer = self.ask(operation, Some(token));
            assert!(!is_refused(&answer) && answer.status < 500, "{id} by {name}: {answer:?}");
        }
        if let Some(scope) = needs.scope() {
            let answer = self.ask(operation, Some(&self.server.token(needs.owner(), scope)));
            assert!(!is_refused(&answer) && answer.status < 500, "{id} with {scope}: {answer:?}");
        }
    }
}

fn is_refused(answer: &Answer) -> bool {
    matches!(answer.status, 401 | 403)
}

#[test]
fn every_operation_has_a_row_and_is_called_by_whom_it_says_alone() {
    let world = World::new();
    let rows: BTreeMap<_, _> = ROWS.iter().copied().collect();
    let operations = operations(&world.schemas.0);
    let listed: BTreeSet<_> = operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(listed, rows.keys().copied().collect(), "an operation without a row, or a row without one");
    for operation in &operations {
        world.check(operation, rows[operation.id.as_str()]);
    }
}

#[test]
fn the_documents_say_which_scope_is_enough() {
    let server = Server::start_empty(Engine::Sqlite, &[]);
    let rows: BTreeMap<_, _> = ROWS.iter().copied().collect();
    for operation in operations(&document(&server)) {
        let Some(needs) = rows.get(operation.id.as_str()) else { continue };
        let security = operation.security.as_array().unwrap();
        match needs.scope() {
            Some(scope) => assert_eq!(security[0], json!({"oauth2_implicit": [scope]}), "{}", operation.id),
            None if matches!(needs, AnyCaller | Page) => {
                assert!(security.contains(&json!({})), "{}", operation.id)
            }
            None => assert!(security.is_empty(), "{}", operation.id),
        }
    }
}
