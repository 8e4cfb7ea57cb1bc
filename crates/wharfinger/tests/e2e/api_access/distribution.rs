//! The distribution API: every path by every method, for the holders of every kind of token.

use wharfinger_model::path::oci::{Path, parse};
use wharfinger_model::{Digest, RepositoryName};

use super::callers::{EVERY, NOT_SUPER, Shows};
use super::state::{State, difference};
use super::world::{REPOSITORY, World};
use crate::support::{Answer, Call, Image, MANIFEST};
use Shows::{AppToken, ExpiredToken, Password, RegistryToken, RevokedToken, Robot, Session};

/// What a method at a path needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// A registry token, if only an anonymous one.
    Token,
    /// One that was asked for the list of all repositories; anonymous ones see what is public.
    List,
    Pull,
    Push,
    Delete,
}
use Needs::{Delete, List, Pull, Push, Token};

/// What each method needs at a path; there are no others. A path that is new has no row here, and so does not compile.
fn methods(path: &Path) -> &'static [(&'static str, Needs)] {
    match path {
        Path::Base | Path::Extensions(None) => &[("GET", Token), ("HEAD", Token)],
        Path::Catalog => &[("GET", List), ("HEAD", List)],
        Path::Extensions(Some(_)) | Path::TagHistory(..) | Path::Tags(_) | Path::Referrers(..) => {
            &[("GET", Pull), ("HEAD", Pull)]
        }
        Path::Manifest(..) => &[("GET", Pull), ("HEAD", Pull), ("PUT", Push), ("DELETE", Delete)],
        Path::Blob(..) => &[("GET", Pull), ("HEAD", Pull), ("DELETE", Delete)],
        Path::Uploads(_) => &[("POST", Push)],
        Path::Upload(..) => {
            &[("GET", Push), ("HEAD", Push), ("PATCH", Push), ("PUT", Push), ("DELETE", Push)]
        }
    }
}

/// The path that is tried after another: each leads to the next, so a new one that is left out is seen here.
fn after(path: Option<&Path>) -> Option<Path> {
    let name = || -> RepositoryName { REPOSITORY.parse().unwrap() };
    let image = Image::of("any");
    Some(match path {
        None => Path::Base,
        Some(Path::Base) => Path::Catalog,
        Some(Path::Catalog) => Path::Extensions(None),
        Some(Path::Extensions(None)) => Path::Extensions(Some(name())),
        Some(Path::Extensions(Some(_))) => Path::TagHistory(name(), "v1".parse().unwrap()),
        Some(Path::TagHistory(..)) => Path::Tags(name()),
        Some(Path::Tags(_)) => Path::Referrers(name(), image.digest().parse().unwrap()),
        Some(Path::Referrers(..)) => Path::Blob(name(), Digest::sha256(&image.blobs[0])),
        Some(Path::Blob(..)) => Path::Uploads(name()),
        Some(Path::Uploads(_)) => Path::Upload(name(), "00000000-0000-0000-0000-000000000000".into()),
        // Last, for then it is deleted.
        Some(Path::Upload(..)) => Path::Manifest(name(), "v1".parse().unwrap()),
        Some(Path::Manifest(..)) => return None,
    })
}

fn written(path: &Path) -> String {
    let rest = match path {
        Path::Base => String::new(),
        Path::Catalog => "_catalog".into(),
        Path::Extensions(None) => "_oci/ext/discover".into(),
        Path::Extensions(Some(name)) => format!("{name}/_oci/ext/discover"),
        Path::TagHistory(name, tag) => format!("{name}/_oci/tag-history/{tag}"),
        Path::Tags(name) => format!("{name}/tags/list"),
        Path::Referrers(name, digest) => format!("{name}/referrers/{digest}"),
        Path::Blob(name, digest) => format!("{name}/blobs/{digest}"),
        Path::Uploads(name) => format!("{name}/blobs/uploads/"),
        Path::Upload(name, id) => format!("{name}/blobs/uploads/{id}"),
        Path::Manifest(name, reference) => format!("{name}/manifests/{reference}"),
    };
    assert_eq!(parse(&rest).as_ref(), Ok(path));
    format!("/v2/{rest}")
}

const ALL: &str = "repository:acme/private:pull,push,delete registry:catalog:*";
const WRITER: &[Needs] = &[Token, List, Pull, Push, Delete];

/// Who asks for a token, for what, and what it is then good for.
const HOLDERS: &[(Shows, &str, &[Needs])] = &[
    (Shows::Nothing, ALL, &[Token, List]),
    (Shows::Token("stranger", EVERY), ALL, &[Token, List]),
    (Shows::Token("reader", EVERY), ALL, &[Token, List, Pull]),
    (Shows::Token("writer", EVERY), ALL, WRITER),
    (Shows::Token("manager", EVERY), ALL, WRITER),
    (Shows::Token("member", EVERY), ALL, &[Token, List]),
    (Shows::Token("creator", EVERY), ALL, &[Token, List]),
    (Shows::Token("olga", EVERY), ALL, WRITER),
    (Password("olga"), ALL, WRITER),
    (AppToken("olga"), ALL, WRITER),
    (Robot("acme+idle"), ALL, &[Token, List]),
    (Robot("acme+ci"), ALL, WRITER),
    (Robot("acme+boss"), ALL, WRITER),
    (Shows::Token("admin", EVERY), ALL, WRITER),
    (Shows::Token("admin", NOT_SUPER), ALL, &[Token, List]),
    (Password("admin"), ALL, &[Token, List]),
    (Shows::Token("auditor", EVERY), ALL, &[Token, List, Pull]),
    (Shows::Token("auditor", NOT_SUPER), ALL, &[Token, List]),
    (Password("auditor"), ALL, &[Token, List, Pull]),
    // Within the scopes of the access token.
    (Shows::Token("olga", ""), ALL, &[Token, List]),
    (Shows::Token("olga", "repo:read"), ALL, &[Token, List, Pull]),
    (Shows::Token("olga", "repo:write"), ALL, WRITER),
    (Shows::Token("olga", "repo:admin"), ALL, WRITER),
    (Shows::Token("olga", "repo:create"), ALL, &[Token, List]),
    (Shows::Token("olga", "org:admin"), ALL, &[Token, List]),
    (Shows::Token("olga", "user:admin"), ALL, &[Token, List]),
    (Shows::Token("olga", "user:read"), ALL, &[Token, List]),
    (Shows::Token("olga", "super:user"), ALL, &[Token, List]),
    (Shows::Token("admin", "super:user"), ALL, WRITER),
    // No more than was asked for.
    (Shows::Token("olga", EVERY), "", &[Token]),
    (Shows::Token("olga", EVERY), "repository:acme/private:pull", &[Token, Pull]),
    (Shows::Token("olga", EVERY), "repository:acme/private:push", &[Token, Pull, Push, Delete]),
    (Shows::Token("olga", EVERY), "repository:acme/private:delete", &[Token, Delete]),
    (Shows::Token("olga", EVERY), "repository:acme/another:pull,push,delete", &[Token]),
    (Shows::Token("olga", EVERY), "registry:catalog:*", &[Token, List]),
];

/// Who gets no token at all.
const TURNED_AWAY: &[Shows] = &[
    ExpiredToken("olga"),
    RevokedToken("olga"),
    Shows::Token("disabled", EVERY),
    RegistryToken("olga"),
    Session("olga"),
];

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// Every path, in the order in which they are tried.
fn paths() -> impl Iterator<Item = Path> {
    std::iter::successors(after(None), |path| after(Some(path)))
}

/// A world, whoever holds a registry token there, and what was found to be wrong.
struct Asked {
    world: World,
    holders: Vec<(String, &'static [Needs], Option<String>)>,
    wrong: Vec<String>,
}

impl Asked {
    fn new() -> Self {
        let world = World::new();
        let holders = HOLDERS.iter().map(|(shows, scopes, may)| {
            let answer = world.ask_token(*shows, scopes);
            assert_eq!(answer.status, 200, "{shows:?}: {answer:?}");
            let token = answer.json()["token"].as_str().unwrap().to_owned();
            (format!("{shows:?} for {scopes:?}"), *may, Some(token))
        });
        let mut holders: Vec<_> = holders.collect();
        // Nobody, who shows nothing at all.
        holders.push(("nobody".into(), &[], None));
        Self { world, holders, wrong: Vec::new() }
    }

    fn call(&self, method: &str, path: &Path) -> Call {
        let digest = Digest::sha256(b"bytes");
        let written = written(path);
        let call = match (method, path) {
            // What is wrong with a request is told before who is asking.
            ("PUT", Path::Upload(..)) => {
                self.world.server.call(method, &format!("{written}?digest={digest}"))
            }
            _ => self.world.server.call(method, &written),
        };
        match (method, path) {
            ("PUT", Path::Manifest(..)) => call.body(MANIFEST, Image::of("any").manifest),
            ("PUT" | "PATCH", _) => call.body("application/octet-stream", "bytes"),
            _ => call,
        }
    }

    fn ask(&self, method: &str, path: &Path, token: Option<&str>) -> Answer {
        let call = self.call(method, path);
        match token {
            Some(token) => call.bearer(token),
            None => call,
        }
        .send()
    }

    fn refused(&mut self, method: &str, path: &Path, need: Needs) {
        for (who, may, token) in &self.holders {
            if !may.contains(&need) {
                let status = self.ask(method, path, token.as_deref()).status;
                if status != 401 {
                    self.wrong.push(format!("{method} {path:?}: {status}, not 401, for {who}"));
                }
            }
        }
        // What is good elsewhere is nothing here, where only registry tokens are.
        for (_, credentials) in &self.world.callers {
            if !credentials.who.contains("RegistryToken") {
                let status = credentials.put_on(self.call(method, path)).send().status;
                if status != 401 {
                    self.wrong.push(format!("{method} {path:?}: {status}, not 401, for {}", credentials.who));
                }
            }
        }
    }

    fn let_in(&mut self, method: &str, path: &Path, need: Needs) {
        for (who, may, token) in &self.holders {
            if may.contains(&need) {
                let answer = self.ask(method, path, token.as_deref());
                if matches!(answer.status, 401 | 403) || answer.status >= 500 {
                    self.wrong.push(format!("{method} {path:?}: {} for {who}", answer.status));
                }
                if method == "DELETE" && answer.status < 300 {
                    self.world.server.push(REPOSITORY, "v1", &Image::of("any"));
                }
            }
        }
    }
}

#[test]
fn a_registry_token_is_good_for_what_is_granted_in_it_and_nothing_else_is() {
    let mut asked = Asked::new();
    let rows = || {
        paths()
            .flat_map(|path| methods(&path).iter().map(move |(method, need)| (path.clone(), *method, *need)))
    };
    let state = State::of(&asked.world.server);
    let before = state.rows();
    for (path, method, need) in rows() {
        asked.refused(method, &path, need);
        let changed = difference(&before, &state.rows());
        if !changed.is_empty() {
            asked.wrong.push(format!("{method} {path:?} was refused and changed {changed:?}"));
        }
    }
    for (path, method, need) in rows() {
        asked.let_in(method, &path, need);
    }
    assert!(asked.wrong.is_empty(), "{:#?}", asked.wrong);
}

#[test]
fn there_are_no_other_methods_than_those_of_the_table() {
    let world = World::new();
    let token = world.server.registry_token("$oauthtoken", &world.olga, &ALL.split(' ').collect::<Vec<_>>());
    for path in paths() {
        let known: Vec<_> = methods(&path).iter().map(|(method, _)| *method).collect();
        for method in METHODS.iter().filter(|method| !known.contains(*method)) {
            let answer = world.server.call(method, &written(&path)).bearer(&token).send();
            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, Some(known.join(", ").as_str())),
                "{method} {path:?}"
            );
        }
    }
}

#[test]
fn registry_tokens_are_for_those_alone_who_show_what_is_good_here() {
    let world = World::new();
    for shows in TURNED_AWAY {
        let answer = world.ask_token(*shows, "");
        answer.is_oci_error(401, "UNAUTHORIZED");
    }
    world.server.call("GET", "/v2/auth").bearer(&world.olga).send().is_oci_error(401, "UNAUTHORIZED");
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let answer = world.server.call(method, "/v2/auth").send();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

#[test]
fn an_upload_is_not_found_in_another_repository_than_its_own() {
    let world = World::new();
    world.server.create_repository_by(&world.olga, "acme/another", "private");
    let scopes = [REPOSITORY, "acme/another"].map(|name| format!("repository:{name}:pull,push"));
    let token =
        world.server.registry_token("$oauthtoken", &world.olga, &scopes.each_ref().map(String::as_str));
    let begun = world.server.v2(&token, "POST", "acme/another", "blobs/uploads/").send();
    let id = begun.header("docker-upload-uuid").unwrap().to_owned();
    let state = State::of(&world.server);
    let before = state.rows();
    let path = Path::Upload(REPOSITORY.parse().unwrap(), id);
    let digest = Digest::sha256(b"bytes");
    for (method, _) in methods(&path) {
        let call = world.server.call(method, &format!("{}?digest={digest}", written(&path))).bearer(&token);
        let call = if matches!(*method, "PATCH" | "PUT") {
            call.body("application/octet-stream", "bytes")
        } else {
            call
        };
        assert_eq!(call.send().status, 404, "{method}");
    }
    assert_eq!(difference(&before, &state.rows()), [""; 0]);
}
