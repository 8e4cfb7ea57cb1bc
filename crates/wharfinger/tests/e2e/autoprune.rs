//! What auto-prune policies do: what they would, tag by tag, and that exactly that is done.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use wharfinger_model::tag::Lifetime;
use wharfinger_model::{Digest, RepositoryName, TagName, Timestamp};
use wharfinger_store::{ManifestId, RepositoryId, Tx, audit, lifetime, manifest, repository};

use crate::support::{Answer, Engine, Image, Server, engines, now_s, tick};

const REPOSITORY: &str = "admin/app";
const POLICIES: &str = "/api/v1/repository/admin/app/autoprunepolicy/";
const OWN: &str = "/api/v1/user/autoprunepolicy/";
/// How often the servers here look for what is to be pruned.
const OFTEN: [(&str, &str); 1] = [("prune-interval", "50ms")];

/// Runs a test on every engine, with a registry that prunes all the time.
fn each_engine(test: impl Fn(Server)) {
    for engine in engines() {
        test(Server::start_with(engine, &OFTEN));
    }
}

/// Pushes an image and points these tags at it, one after the other: the last is the newest.
fn push(server: &Server, repository: &str, tags: &[&str]) -> String {
    let image = Image::of("any");
    let digest = image.digest();
    let Some((first, rest)) = tags.split_first() else { return digest };
    server.push(repository, first, &image);
    for tag in rest {
        tick();
        server.changes(repository, tag, &json!({"manifest_digest": digest}));
    }
    digest
}

fn lay_down(server: &Server, path: &str, policy: &Value) -> String {
    let answer = server.by_admin("POST", path).json(policy).send();
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["uuid"].as_str().unwrap().to_owned()
}

fn dry_run(server: &Server, path: &str, policy: &Value) -> Value {
    let answer = server.by_admin("POST", &format!("{path}?dryRun=true&limit=100")).json(policy).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn preview(server: &Server, query: &str) -> Value {
    let answer = server.by_admin("GET", &format!("{POLICIES}preview{query}")).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Each tag with its verdict, and the reasons with the policies that give them.
fn verdicts(preview: &Value) -> Vec<String> {
    let told = preview["tags"].as_array().unwrap().iter().map(|tag| {
        let reasons = tag["reasons"].as_array().unwrap().iter().map(|reason| {
            assert!(reason["message"].as_str().unwrap().ends_with('.'), "{tag}");
            reason["reason"].as_str().unwrap().to_owned()
        });
        let text = |key: &str| tag[key].as_str().unwrap().to_owned();
        format!("{} {} {}", text("name"), text("verdict"), reasons.collect::<Vec<_>>().join("+"))
    });
    told.collect()
}

/// Waits until no other tags than these are alive, newest first, and for some more rounds.
#[track_caller]
fn come_to(server: &Server, repository: &str, tags: &[&str]) {
    let names = |answer: &Answer| {
        let tags = answer.json()["tags"].as_array().unwrap().clone();
        tags.iter().map(|tag| tag["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let ask = |server: &Server| server.ask_list(repository, "?onlyActiveTags=true&limit=100");
    server.eventually(ask, |answer| names(answer) == tags);
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(names(&ask(server)), tags, "nothing else goes");
}

/// The audit entries of one kind, newest first.
fn audited(server: &Server, kind: &'static str) -> Vec<Value> {
    let found = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&found);
    server.seed(move |tx| {
        let name: RepositoryName = REPOSITORY.parse().unwrap();
        let (repository, ..) = repository::by_name(tx, &name)?.unwrap();
        let entries =
            audit::newest(tx, repository.id, 10_000)?.into_iter().filter(|entry| entry.kind == kind);
        let entries = entries.map(|entry| {
            assert_eq!((entry.account, entry.address), (None, None), "nobody has asked for it");
            serde_json::from_str(&entry.metadata).unwrap()
        });
        *into.lock().unwrap() = entries.collect();
        Ok(())
    });
    Arc::into_inner(found).map_or_else(Vec::new, |found| found.into_inner().unwrap())
}

#[test]
fn what_a_dry_run_says_is_what_is_done() {
    each_engine(|server| {
        let digest = push(&server, REPOSITORY, &["v1", "v2", "v3", "v4", "v5"]);
        let before = server.everything(REPOSITORY);
        let policy = json!({"method": "number_of_tags", "value": 2});
        let tried = dry_run(&server, POLICIES, &policy);
        assert_eq!(
            verdicts(&tried),
            [
                "v5 keep among_newest",
                "v4 keep among_newest",
                "v3 prune beyond_newest",
                "v2 prune beyond_newest",
                "v1 prune beyond_newest",
            ]
        );
        assert_eq!((&tried["prune_count"], &tried["keep_count"]), (&json!(3), &json!(2)));
        assert_eq!(tried["tags"][0]["manifest_digest"], digest);
        assert!(now_s() - tried["tags"][0]["start_ts"].as_i64().unwrap() < 60);
        let reason = &tried["tags"][2]["reasons"][0];
        assert_eq!(
            *reason,
            json!({
                "reason": "beyond_newest", "policy_uuid": null,
                "message": "The policy keeps the newest 2, and this is older.",
            })
        );
        std::thread::sleep(Duration::from_millis(150));
        assert_eq!(server.everything(REPOSITORY), before, "nothing was laid down");
        assert_eq!(verdicts(&preview(&server, ""))[0], "v5 keep no_policy");

        let uuid = lay_down(&server, POLICIES, &policy);
        come_to(&server, REPOSITORY, &["v5", "v4"]);
        let after = preview(&server, "");
        assert_eq!(after["tags"][0]["reasons"][0]["policy_uuid"], uuid);
        assert_eq!((&after["prune_count"], &after["keep_count"]), (&json!(0), &json!(2)));
        assert_eq!(after["policies"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&after["policies"][0]["uuid"], &after["policies"][0]["scope"]),
            (&json!(uuid), &json!("repository"))
        );

        let entries = audited(&server, "autoprune_tag_delete");
        let mut tags: Vec<_> = entries.iter().map(|entry| entry["tag"].clone()).collect();
        tags.sort_by_key(Value::to_string);
        assert_eq!(json!(tags), json!(["v1", "v2", "v3"]));
        for entry in &entries {
            let expected = json!({
                "performer": "autoprune worker", "namespace": "admin", "repo": "app", "tag": entry["tag"],
                "manifest_digest": digest, "policy_uuid": uuid, "reason": "beyond_newest",
            });
            assert_eq!(*entry, expected);
        }
    });
}

#[test]
fn what_was_pruned_was_deleted_like_any_tag() {
    each_engine(|server| {
        let digest = push(&server, REPOSITORY, &["v1", "v2"]);
        assert_eq!(server.pull(REPOSITORY, "v1"), Ok(digest.clone()));
        let count = |answer: &Answer| answer.json()["tag_pull_count"].clone();
        server.eventually(|server| server.tag_pulls(REPOSITORY, "v1"), |answer| count(answer) == 1);
        let uuid = lay_down(&server, POLICIES, &json!({"method": "number_of_tags", "value": 1}));
        come_to(&server, REPOSITORY, &["v2"]);
        assert_eq!(server.pull(REPOSITORY, "v1"), Err("TAG_EXPIRED".to_owned()));
        assert_eq!(server.pull(REPOSITORY, &digest), Ok(digest.clone()));
        server.by_admin("DELETE", &format!("{POLICIES}{uuid}")).send().is(200, json!({"uuid": uuid}));

        server.restore(REPOSITORY, "v1", &digest).is(201, json!({}));
        come_to(&server, REPOSITORY, &["v1", "v2"]);
        assert_eq!(count(&server.tag_pulls(REPOSITORY, "v1")), 0);
    });
}

#[test]
fn immutable_tags_and_cosigns_stay_and_take_no_place() {
    each_engine(|server| {
        let hex = "0123456789abcdef".repeat(4);
        let [signature, attestation, sbom] =
            ["sig", "att", "sbom"].map(|ending| format!("sha256-{hex}.{ending}"));
        let plain = format!("sha256-{hex}");
        let tags = ["old", "frozen", "mid", &signature, &attestation, &sbom, &plain, "new"];
        push(&server, REPOSITORY, &tags);
        server.changes(REPOSITORY, "frozen", &json!({"immutable": true}));
        lay_down(&server, POLICIES, &json!({"method": "number_of_tags", "value": 2}));
        lay_down(&server, POLICIES, &json!({"method": "creation_date", "value": "1y"}));
        let stay = ["new", &plain, &sbom, &attestation, &signature, "frozen"];
        come_to(&server, REPOSITORY, &stay);
        let verdicts = verdicts(&preview(&server, ""));
        assert_eq!(verdicts[2], format!("{sbom} keep cosign_sibling"));
        assert_eq!(verdicts[5], "frozen keep immutable");
        // As soon as it is like any other, it is judged like any other.
        server.changes(REPOSITORY, "frozen", &json!({"immutable": false}));
        come_to(&server, REPOSITORY, &stay[..5]);
    });
}

#[test]
fn patterns_choose_the_tags_that_a_policy_looks_at() {
    each_engine(|server| {
        let tags = ["rc-1", "v1", "rc-2", "v2-rc", "rc-3", "v3"];
        push(&server, REPOSITORY, &tags);
        let newest = |number: u8, pattern: &str, matches: bool| json!({"method": "number_of_tags", "value": number, "tagPattern": pattern, "tagPatternMatches": matches});
        let gone = |policy: &Value| -> Vec<String> {
            let tried = verdicts(&dry_run(&server, POLICIES, policy));
            let gone = tried
                .iter()
                .filter(|told| told.contains(" prune "))
                .map(|told| told.split(' ').next().unwrap().to_owned());
            gone.collect()
        };
        assert_eq!(gone(&newest(2, "rc", true)), ["rc-2", "rc-1"], "found anywhere");
        assert_eq!(gone(&newest(2, "^rc", true)), ["rc-1"]);
        assert_eq!(gone(&newest(1, "^rc", false)), ["v2-rc", "v1"]);
        assert_eq!(gone(&newest(1, "RC", true)), [""; 0], "by case");
        lay_down(&server, POLICIES, &newest(1, "^rc-", true));
        lay_down(&server, POLICIES, &newest(2, "^rc-", false));
        come_to(&server, REPOSITORY, &["v3", "rc-3", "v2-rc"]);
        assert_eq!(
            verdicts(&preview(&server, "")),
            [
                "v3 keep not_covered+among_newest",
                "rc-3 keep among_newest+not_covered",
                "v2-rc keep not_covered+among_newest"
            ]
        );
    });
}

#[test]
fn ages_are_judged_first_then_the_namespaces_numbers_then_the_repositorys() {
    each_engine(|server| {
        push(&server, REPOSITORY, &["a", "b", "c", "d"]);
        push(&server, "admin/second", &["a", "b", "c", "d"]);
        let of_repository = lay_down(&server, POLICIES, &json!({"method": "number_of_tags", "value": 2}));
        // Laid down last, and yet first: it takes `d` away, so that two others are the newest.
        let tried =
            dry_run(&server, OWN, &json!({"method": "number_of_tags", "value": 1, "tagPattern": "[cd]"}));
        let summary = |name: &str, pruned: u8, kept: u8| json!({"namespace": "admin", "name": name, "prune_count": pruned, "keep_count": kept});
        come_to(&server, REPOSITORY, &["d", "c"]);
        assert_eq!(tried["has_additional"], false);
        assert_eq!(tried["repositories"][1], summary("second", 1, 3));
        let of_namespace =
            lay_down(&server, OWN, &json!({"method": "number_of_tags", "value": 1, "tagPattern": "[cd]"}));
        come_to(&server, REPOSITORY, &["d"]);
        come_to(&server, "admin/second", &["d", "b", "a"]);
        let judged = preview(&server, "");
        assert_eq!(verdicts(&judged), ["d keep among_newest+among_newest"]);
        let by = |place: usize| judged["tags"][0]["reasons"][place]["policy_uuid"].clone();
        assert_eq!((by(0), by(1)), (json!(of_namespace), json!(of_repository)));
        assert_eq!(judged["policies"][0]["scope"], "namespace");
    });
}

#[test]
fn tags_go_when_their_time_is_over() {
    each_engine(|server| {
        for (repository, method) in [(REPOSITORY, "creation_date"), ("admin/idle", "not_pulled_for")] {
            push(&server, repository, &["v1", "frozen"]);
            server.changes(repository, "frozen", &json!({"immutable": true}));
            let path = format!("/api/v1/repository/{repository}/autoprunepolicy/");
            lay_down(&server, &path, &json!({"method": method, "value": "1s"}));
        }
        come_to(&server, REPOSITORY, &["frozen"]);
        come_to(&server, "admin/idle", &["frozen"]);
    });
}

#[test]
fn a_dry_run_for_a_namespace_tells_of_one_repository_tag_by_tag() {
    each_engine(|server| {
        let organization = json!({"name": "acme"});
        assert_eq!(server.by_admin("POST", "/api/v1/organization/").json(&organization).send().status, 201);
        let policy = json!({"method": "number_of_tags", "value": 1});
        for (namespace, path) in [("admin", OWN), ("acme", "/api/v1/organization/acme/autoprunepolicy/")] {
            let repository = format!("{namespace}/deep/app");
            let digest = push(&server, &repository, &["v1", "v2", "v3"]);
            push(&server, &format!("{namespace}/other"), &["v1", "v2"]);
            let ask = |query: &str| {
                server.by_admin("POST", &format!("{path}?dryRun=true&{query}")).json(&policy).send()
            };
            let told = ask("repository=deep/app").json();
            assert_eq!(
                verdicts(&told),
                ["v3 keep among_newest", "v2 prune beyond_newest", "v1 prune beyond_newest"]
            );
            assert_eq!((&told["prune_count"], &told["keep_count"]), (&json!(2), &json!(1)));
            assert_eq!(told["tags"][1]["manifest_digest"], digest);
            let second = ask("repository=deep%2Fapp&limit=1&page=2").json();
            assert_eq!(verdicts(&second), ["v2 prune beyond_newest"]);
            assert_eq!((&second["page"], &second["has_additional"]), (&json!(2), &json!(true)));
            for missing in ["repository=missing", "repository=%00", "repository=..%2Fadmin%2Fapp"] {
                assert_eq!(ask(missing).status, 404, "{missing}");
            }
            assert_eq!(ask("repository=").json()["repositories"].as_array().unwrap().len(), 2);
            let policies = server.by_admin("GET", path).send().json();
            assert_eq!(policies, json!({"policies": []}), "nothing was laid down");
        }
    });
}

#[test]
fn previews_come_in_pages() {
    let server = Server::start(Engine::Sqlite);
    push(&server, REPOSITORY, &["a", "b", "c", "d", "e"]);
    lay_down(&server, POLICIES, &json!({"method": "number_of_tags", "value": 3}));
    let mut names = Vec::new();
    for page in 1..=3 {
        let judged = preview(&server, &format!("?limit=2&page={page}"));
        assert_eq!((&judged["page"], &judged["has_additional"]), (&json!(page), &json!(page < 3)));
        assert_eq!((&judged["prune_count"], &judged["keep_count"]), (&json!(2), &json!(3)));
        names.extend(verdicts(&judged));
    }
    assert_eq!(names, verdicts(&preview(&server, "")));
    assert_eq!(names[3], "b prune beyond_newest");
    let beyond = preview(&server, "?page=9223372036854775807&limit=1000");
    assert_eq!((&beyond["tags"], &beyond["has_additional"]), (&json!([]), &json!(false)));
    let wrong = server.by_admin("GET", &format!("{POLICIES}preview?page=x")).send();
    wrong.is(400, json!({"message": {"page": "Page index for the results. Default 1."}}));
}

/// Adds so many tags at a manifest, a millisecond apart, of which the last began a second ago.
pub(crate) fn seed_tags(server: &Server, repository: &'static str, digest: &str, number: i64) {
    let (digest, now): (Digest, i64) = (digest.parse().unwrap(), now_s() * 1000);
    server.seed(move |tx| {
        let name: RepositoryName = repository.parse().unwrap();
        let (repository, ..) = repository::by_name(tx, &name)?.unwrap();
        let manifest = manifest::summary(tx, repository.id, &digest)?.unwrap().id;
        for tag in 1..=number {
            begin_tag(tx, repository.id, manifest, tag, now - 1000 - number + tag)?;
        }
        Ok(())
    });
}

/// Begins the tag with a number at a manifest.
pub(crate) fn begin_tag(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    manifest: ManifestId,
    number: i64,
    start_ms: i64,
) -> wharfinger_store::Result<()> {
    let name: TagName = format!("seeded-{number}").parse().unwrap();
    let start = Timestamp::from_ms(start_ms);
    let begun = Lifetime { manifest, start, end: None, reversion: false, immutable: false };
    lifetime::begin(tx, repository, &name, &begun).map(drop)
}

#[test]
fn a_pruning_that_was_killed_is_whole_as_far_as_it_came_and_is_gone_on_with() {
    const TAGS: usize = 800;
    each_engine(|mut server| {
        let digest = push(&server, REPOSITORY, &["newest"]);
        seed_tags(&server, REPOSITORY, &digest, TAGS as i64);
        lay_down(&server, POLICIES, &json!({"method": "number_of_tags", "value": 5}));
        let count = |answer: &Answer| answer.json()["prune_count"].as_u64().unwrap() as usize;
        let ask = |server: &Server| server.by_admin("GET", &format!("{POLICIES}preview?limit=1")).send();
        for round in 1..=3 {
            server.eventually(ask, |answer| count(answer) < TAGS - round * 100);
            server.kill();
            server.wait();
            server.spawn();
            assert_eq!(preview(&server, "")["keep_count"], 5, "the newest stay");
        }
        server.eventually(ask, |answer| count(answer) == 0);
        let newest = ["newest", "seeded-800", "seeded-799", "seeded-798", "seeded-797"];
        come_to(&server, REPOSITORY, &newest);
        assert_eq!(
            audited(&server, "autoprune_tag_delete").len(),
            TAGS + 1 - newest.len(),
            "an entry for each"
        );
    });
}
