//! What pruning a large repository and deleting a manifest with very many tags cost, and whom they make wait. Not run
//! with the others, because it is about time, and nothing else should run beside it:
//!
//! `cargo test --release -p wharfinger --test e2e autoprune_cost -- --ignored --nocapture --test-threads 1`

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use wharfinger_model::{Digest, RepositoryName};
use wharfinger_store::manifest::{self, NewManifest};
use wharfinger_store::{ManifestId, RepositoryId, Tx, repository};

use super::autoprune::{begin_tag, seed_tags};
use crate::support::{Engine, Image, Server, engines, now_s};

const REPOSITORY: &str = "admin/large";
const OTHER: &str = "admin/other";
const TAGS: i64 = 100_000;
const KEPT: i64 = 100;
/// How long clients are watched before anything is pruned.
const QUIET: Duration = Duration::from_secs(5);
/// Longest time for all of it.
const PATIENCE: Duration = Duration::from_secs(600);
/// How much memory pruning may take, in KiB: it does not grow with the number of tags.
const MEMORY_KIB: u64 = 32 << 10;
/// How much longer pruning may let anybody wait than they do without it.
const LONGER: Duration = Duration::from_millis(100);

/// What clients do meanwhile, by name: a request, and the status of its answer.
type Client = (&'static str, fn(&Server, &str, usize) -> u16);

const CLIENTS: [Client; 4] = [
    ("pull from it", |server, token, _| {
        server.v2(token, "GET", REPOSITORY, "manifests/pulled").send().status - 200
    }),
    ("push to it", |server, token, turn| {
        let image = Image::of("any");
        server.push_manifest(token, REPOSITORY, &format!("pushed-{turn}"), &image).send().status - 201
    }),
    ("push elsewhere", |server, token, turn| {
        let image = Image::of("any");
        server.push_manifest(token, OTHER, &format!("pushed-{turn}"), &image).send().status - 201
    }),
    ("list its tags", |server, _, _| server.ask_list(REPOSITORY, "?onlyActiveTags=true").status - 200),
];

/// How long each client waited, longest first, while `during` ran.
fn waits(server: &Server, tokens: &[String; 4], round: usize, during: impl FnOnce()) -> Vec<Vec<Duration>> {
    wait(&CLIENTS, server, tokens, round, during)
}

/// The same of some clients.
fn wait(
    clients: &[Client],
    server: &Server,
    tokens: &[String],
    round: usize,
    during: impl FnOnce(),
) -> Vec<Vec<Duration>> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients = clients.iter().zip(tokens).map(|((_, ask), token)| {
            let over = &over;
            scope.spawn(move || {
                let (mut waits, mut turn) = (Vec::new(), round * 1_000_000);
                while !over.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    assert_eq!(ask(server, token, turn), 0);
                    waits.push(begun.elapsed());
                    turn += 1;
                    // As a client does that has other things to do, too.
                    std::thread::sleep(Duration::from_millis(20));
                }
                waits.sort_by(|one, other| other.cmp(one));
                waits
            })
        });
        let clients: Vec<_> = clients.collect();
        during();
        over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

fn tell(when: &str, waits: &[Vec<Duration>]) {
    for ((name, _), waits) in CLIENTS.iter().zip(waits) {
        let (longest, hundredth) = (waits[0], waits[waits.len() / 100]);
        eprintln!("{when}: {name}: {} times, longest {longest:?}, 99 % within {hundredth:?}", waits.len());
    }
}

/// What the seeded tags point at.
#[derive(Debug, Clone, Copy)]
enum Targets {
    /// The same manifest.
    One,
    /// Each a manifest of its own.
    Many,
}

fn seed(server: &Server, targets: Targets, image: &Image) {
    match targets {
        Targets::One => seed_tags(server, REPOSITORY, &image.digest(), TAGS),
        Targets::Many => {
            let now = now_s() * 1000;
            server.seed(move |tx| {
                let name: RepositoryName = REPOSITORY.parse().unwrap();
                let (repository, ..) = repository::by_name(tx, &name)?.unwrap();
                for tag in 1..=TAGS {
                    let manifest = seed_manifest(tx, repository.id, tag)?;
                    begin_tag(tx, repository.id, manifest, tag, now - 1000 - TAGS + tag)?;
                }
                Ok(())
            });
        }
    }
}

fn seed_manifest(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    number: i64,
) -> wharfinger_store::Result<ManifestId> {
    let content = format!("{{\"number\":{number}}}");
    let new = NewManifest {
        repository,
        digest: &Digest::sha256(content.as_bytes()),
        media_type: "application/vnd.oci.image.index.v1+json",
        layers_size: None,
        subject: None,
        artifact_type: None,
        annotations: None,
        lease_end: wharfinger_model::Timestamp::END,
        wishes: Default::default(),
        content: content.as_bytes(),
    };
    manifest::insert(tx, &new, wharfinger_model::Timestamp::BEGINNING)
}

/// A server with a large repository, and a token for each client.
fn large(engine: Engine, targets: Targets) -> (Server, [String; 4]) {
    let server = Server::start_with(engine, &[("prune-interval", "1s")]);
    let image = Image::of("any");
    for repository in [REPOSITORY, OTHER] {
        server.push(repository, "pulled", &image);
    }
    seed(&server, targets, &image);
    let tokens = [REPOSITORY, REPOSITORY, OTHER, REPOSITORY].map(|repository| server.push_token(repository));
    (server, tokens)
}

/// That nobody has waited much longer than they do when nothing happens.
fn assert_no_longer(before: &[Vec<Duration>], during: &[Vec<Duration>]) {
    for (((name, _), before), during) in CLIENTS.iter().zip(before).zip(during) {
        assert!(during[0] < before[0] + LONGER, "{name} waited {:?}, without it {:?}", during[0], before[0]);
    }
}

#[test]
#[ignore = "about time: run it by itself, in a release build"]
fn pruning_a_hundred_thousand_tags_takes_little_memory_and_nobody_waits_long() {
    for (engine, targets) in engines().into_iter().flat_map(|it| [(it, Targets::One), (it, Targets::Many)]) {
        eprintln!("{engine:?}, {targets:?}");
        let (server, tokens) = large(engine, targets);
        server.changes(REPOSITORY, "pulled", &json!({"immutable": true}));
        let before = waits(&server, &tokens, 1, || std::thread::sleep(QUIET));
        tell("before", &before);
        let memory = server.memory_kib();
        let path = format!("/api/v1/repository/{REPOSITORY}/autoprunepolicy/");
        let (mut took, mut most) = (Duration::ZERO, memory);
        let during = waits(&server, &tokens, 2, || {
            let policy = json!({"method": "number_of_tags", "value": KEPT});
            assert_eq!(server.by_admin("POST", &path).json(&policy).send().status, 201);
            let begun = Instant::now();
            // Those who push make more of them all the time, which may wait for the next round.
            let left = || {
                server.by_admin("GET", &format!("{path}preview?limit=1")).send().json()["prune_count"].clone()
            };
            while left().as_u64().unwrap() > 200 {
                assert!(begun.elapsed() < PATIENCE, "too slow");
                most = most.max(server.memory_kib());
                std::thread::sleep(Duration::from_millis(250));
            }
            took = begun.elapsed();
        });
        tell("during", &during);
        let grown = most - memory;
        eprintln!("{TAGS} tags in {took:?}; memory went from {memory} KiB to {most} KiB");
        assert!(grown < MEMORY_KIB, "{grown} KiB");
        assert_no_longer(&before, &during);
    }
}

#[test]
#[ignore = "about time: run it by itself, in a release build"]
fn deleting_a_manifest_by_digest_takes_a_time_that_grows_with_its_tags_alone() {
    for engine in engines() {
        let mut each = Vec::new();
        for tags in [TAGS / 100, TAGS / 10, TAGS] {
            let server = Server::start(engine);
            let image = Image::of("any");
            for repository in [REPOSITORY, OTHER] {
                server.push(repository, "pulled", &image);
            }
            seed_tags(&server, REPOSITORY, &image.digest(), tags);
            let tokens = [REPOSITORY, REPOSITORY, OTHER, REPOSITORY].map(|name| server.push_token(name));
            let mut took = Duration::ZERO;
            let elsewhere = [CLIENTS[2]];
            let during = wait(&elsewhere, &server, &tokens[2..3], 1, || {
                let begun = Instant::now();
                let path = format!("manifests/{}", image.digest());
                server.v2(&tokens[1], "DELETE", REPOSITORY, &path).send().is_empty(202);
                took = begun.elapsed();
            });
            let longest = during[0][0];
            eprintln!("{engine:?}: {tags} tags in {took:?}; a push elsewhere waited {longest:?} at most");
            each.push(took.as_secs_f64() / tags as f64);
        }
        let (fewer, all) = (each[1], each[2]);
        assert!(all < 3.0 * fewer, "a tag among a tenth takes {fewer} s, among all {all} s");
    }
}
