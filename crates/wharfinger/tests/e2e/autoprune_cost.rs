//! What pruning a large repository costs, and whom it makes wait. Not run with the others, because it is about time:
//!
//! `cargo test --release -p wharfinger --test e2e autoprune_cost -- --ignored --nocapture`

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::autoprune::seed_tags;
use crate::support::{Image, Server, engines};

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
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients = CLIENTS.iter().zip(tokens).map(|((_, ask), token)| {
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

#[test]
#[ignore = "about time: run it by itself, in a release build"]
fn pruning_a_hundred_thousand_tags_takes_little_memory_and_nobody_waits_long() {
    for engine in engines() {
        eprintln!("{engine:?}");
        let server = Server::start_with(engine, &[("prune-interval", "1s")]);
        let image = Image::of("any");
        for repository in [REPOSITORY, OTHER] {
            server.push(repository, "pulled", &image);
        }
        seed_tags(&server, REPOSITORY, &image.digest(), TAGS);
        server.changes(REPOSITORY, "pulled", &json!({"immutable": true}));
        let tokens =
            [REPOSITORY, REPOSITORY, OTHER, REPOSITORY].map(|repository| server.push_token(repository));

        tell("before", &waits(&server, &tokens, 1, || std::thread::sleep(QUIET)));
        let memory = server.memory_kib();
        let path = format!("/api/v1/repository/{REPOSITORY}/autoprunepolicy/");
        let (mut took, mut most) = (Duration::ZERO, memory);
        let waits = waits(&server, &tokens, 2, || {
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
        tell("during", &waits);
        let grown = most - memory;
        eprintln!("{TAGS} tags in {took:?}; memory went from {memory} KiB to {most} KiB");
        assert!(grown < MEMORY_KIB, "{grown} KiB");
    }
}
