//! How long others wait while much is collected: figures, no promise.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wharfinger_model::tag::Lifetime;
use wharfinger_model::{Digest, TagName, Timestamp};
use wharfinger_store::manifest::NewManifest;
use wharfinger_store::{blob, lifetime, manifest, repository};

use crate::support::{Image, Server, engines};

const REPOSITORY: &str = "admin/app";
/// How many tags are collected, if not a hundred thousand.
const TAGS: &str = "WHARFINGER_TEST_COLLECT_TAGS";
/// What is dead died long ago.
const LONG_AGO: Timestamp = Timestamp::from_ms(1_000_000_000_000);

/// A repository of dead tags, each at an image of its own with a layer of its own. Which file goes last.
fn seed(server: &Server, tags: usize) -> PathBuf {
    let blob = |number: usize| format!("layer {number}");
    let mut files = Vec::with_capacity(tags);
    for number in 0..tags {
        let blob = blob(number);
        let digest = Digest::sha256(blob.as_bytes());
        let folder = server.data.path().join("data/blobs/blobs/sha256").join(&digest.hex()[..2]);
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(digest.hex());
        std::fs::write(&file, blob).unwrap();
        files.push(file);
    }
    server.seed(move |tx| {
        let (found, _, _) = repository::by_name(tx, &REPOSITORY.parse().unwrap())?.unwrap();
        for number in 0..tags {
            let content = format!("{{\"schemaVersion\": 2, \"number\": {number}}}");
            let new = NewManifest {
                repository: found.id,
                digest: &Digest::sha256(content.as_bytes()),
                media_type: "application/vnd.oci.image.manifest.v1+json",
                layers_size: Some(10),
                subject: None,
                artifact_type: None,
                annotations: None,
                lease_end: LONG_AGO,
                wishes: wharfinger_model::rules::Wishes::default(),
                content: content.as_bytes(),
            };
            let id = manifest::insert(tx, &new, LONG_AGO)?;
            let blob = blob(number);
            let size = i64::try_from(blob.len()).unwrap();
            let blob = blob::ensure(tx, &Digest::sha256(blob.as_bytes()), size, LONG_AGO)?;
            manifest::add_blob(tx, id, blob)?;
            blob::hold(tx, found.id, blob)?;
            let name: TagName = format!("dead-{number}").parse().unwrap();
            let dead =
                Lifetime { manifest: id, start: LONG_AGO, end: None, reversion: false, immutable: false };
            let dead = lifetime::begin(tx, found.id, &name, &dead)?;
            lifetime::end(tx, dead, LONG_AGO + Duration::from_secs(1))?;
        }
        Ok(())
    });
    // Else the system writes all of that down while others are measured.
    assert!(std::process::Command::new("sync").status().unwrap().success());
    // They go in the order of their digests, after everything else.
    files.into_iter().max().unwrap()
}

/// Calls again and again until it is over; how long each took, shortest first.
fn waits(over: &AtomicBool, mut call: impl FnMut()) -> Vec<Duration> {
    let mut waits = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let begun = Instant::now();
        call();
        waits.push(begun.elapsed());
    }
    waits.sort();
    waits
}

/// Pulls and pushes for as long as `until` takes, and tells how long they waited.
fn measure(server: &Server, what: &str, until: impl FnOnce()) {
    let token = server.push_token(REPOSITORY);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pulling = scope.spawn(|| {
            waits(&over, || {
                let pulled = server.v2(&token, "GET", REPOSITORY, "manifests/alive").send();
                assert_eq!(pulled.status, 200, "{pulled:?}");
            })
        });
        let pushing = scope.spawn(|| {
            let mut number = 0;
            waits(&over, || {
                number += 1;
                server.push_with(&token, REPOSITORY, "pushed", &Image::of(&format!("{what} {number}")));
            })
        });
        let begun = Instant::now();
        until();
        over.store(true, Ordering::SeqCst);
        println!("{what}: {:?}", begun.elapsed());
        for (kind, waits) in [("pulls", pulling), ("pushes of three requests", pushing)] {
            let waits = waits.join().unwrap();
            let at = |part: usize| waits[(waits.len() - 1) * part / 1000];
            println!(
                "  {:>6} {kind}: median {:?}, 99 % {:?}, 99.9 % {:?}, longest {:?}",
                waits.len(),
                at(500),
                at(990),
                at(999),
                at(1000)
            );
        }
    });
}

#[test]
#[ignore = "it takes minutes and asserts nothing: cargo test --release -p wharfinger --test e2e -- --ignored --nocapture"]
fn how_long_others_wait_while_a_hundred_thousand_tags_are_collected() {
    let tags = std::env::var(TAGS).map_or(100_000, |tags| tags.parse().expect("a number of tags"));
    for engine in engines() {
        let mut server =
            Server::start_with(engine, &[("collect-interval", "520w"), ("default-window", "0s")]);
        server.push(REPOSITORY, "alive", &Image::of("alive"));
        println!("{engine:?}");
        measure(&server, "nothing is collected", || std::thread::sleep(Duration::from_secs(5)));
        assert_eq!(server.stop(), Some(0));
        let last = seed(&server, tags);
        server.spawn();
        measure(&server, &format!("{tags} tags are collected"), || {
            while last.exists() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
    }
}
