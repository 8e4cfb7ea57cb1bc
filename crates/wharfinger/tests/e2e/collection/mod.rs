//! What nothing needs any more is freed, and nothing else, whatever happens meanwhile.

mod measured;
mod worker;

use std::collections::BTreeMap;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Engine, Image, PATIENCE, Server, engines, tick};
use worker::{Field, REPOSITORY, Standing, Worker, assert_stands};

const WORKERS: usize = 4;
/// How long a blob is kept for a push: short, so that collection has work, and long beside one push.
const LEASE: Duration = Duration::from_secs(1);
/// Everything is collected as soon as it can be.
const EAGER: [(&str, &str); 3] =
    [("collect-interval", "5ms"), ("blob-lease", "1s"), ("default-window", "0s")];
/// How long the pushes go on, in seconds; a longer run finds more.
const SECONDS: &str = "WHARFINGER_TEST_COLLECT_SECONDS";

fn text(output: &Output) -> (String, String, Option<i32>) {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8(bytes.clone()).unwrap());
    (out, err, output.status.code())
}

/// That nothing is wrong, and that with all tags gone nothing is left.
fn assert_nothing_is_left(server: &mut Server, tags: &BTreeMap<String, Standing>) {
    let token = server.push_token(REPOSITORY);
    for tag in tags.keys() {
        let answer = server.v2(&token, "DELETE", REPOSITORY, &format!("manifests/{tag}")).send();
        assert!(matches!(answer.status, 202 | 404), "{answer:?}");
    }
    assert_eq!(server.stop(), Some(0));
    let begun = Instant::now();
    loop {
        let (_, said, code) = text(&server.run(&["collect", "--once"]));
        assert_eq!((said.as_str(), code), ("", Some(0)));
        let left = server.blob_files();
        if left.is_empty() {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{left:?} are left");
        std::thread::sleep(Duration::from_millis(100));
    }
    let (found, _, code) = text(&server.run(&["check"]));
    assert_eq!((found.as_str(), code), ("", Some(0)));
}

/// Lets the workers work for as long as `go_on` says.
fn work(
    field: &Field<'_>,
    tags: &BTreeMap<String, Standing>,
    go_on: impl Fn() -> bool,
    end: impl FnOnce(),
) -> BTreeMap<String, Standing> {
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|number| {
                let of_worker = format!("w{number}-");
                let own = tags.iter().filter(|(tag, _)| tag.starts_with(&of_worker));
                let tags = own.map(|(tag, standing)| (tag.clone(), standing.clone())).collect();
                scope.spawn(move || Worker { field, number, tags }.work())
            })
            .collect();
        while go_on() {
            assert!(workers.iter().all(|worker| !worker.is_finished()), "a worker gave up");
            std::thread::sleep(Duration::from_millis(1));
        }
        field.over.store(true, Ordering::SeqCst);
        end();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

#[test]
fn pushes_that_share_layers_lose_nothing_while_collection_runs() {
    let seconds = std::env::var(SECONDS).map_or(3, |seconds| seconds.parse().expect("a number of seconds"));
    for engine in engines() {
        let mut server = Server::start_with(engine, &EAGER);
        let token = server.push_token(REPOSITORY);
        let field = Field {
            server: &server,
            token: &token,
            lease: LEASE,
            over: AtomicBool::new(false),
            acknowledged: AtomicUsize::new(0),
        };
        let begun = Instant::now();
        let tags = work(&field, &BTreeMap::new(), || begun.elapsed() < Duration::from_secs(seconds), || {});
        for (tag, standing) in &tags {
            assert_stands(&server, &token, tag, standing);
        }
        println!("{engine:?}: {} answers", field.acknowledged.load(Ordering::Relaxed));
        assert_nothing_is_left(&mut server, &tags);
    }
}

#[test]
fn what_was_acknowledged_survives_being_killed_while_collection_runs() {
    for engine in engines() {
        let rounds = if engine == Engine::Sqlite { 12 } else { 6 };
        let mut server = Server::start_with(engine, &EAGER);
        let mut tags = BTreeMap::new();
        for round in 0..rounds {
            let token = server.push_token(REPOSITORY);
            let field = Field {
                server: &server,
                token: &token,
                lease: LEASE,
                over: AtomicBool::new(false),
                acknowledged: AtomicUsize::new(0),
            };
            let (begun, after) = (Instant::now(), 20 + round * 37 % 150);
            let some_left = || {
                assert!(begun.elapsed() < PATIENCE, "the workers have come to a halt");
                field.acknowledged.load(Ordering::Relaxed) < after
            };
            tags = work(&field, &tags, some_left, || server.kill());
            server.wait();
            server.spawn();
            for (tag, standing) in &tags {
                assert_stands(&server, &server.push_token(REPOSITORY), tag, standing);
            }
        }
        assert_nothing_is_left(&mut server, &tags);
    }
}

#[test]
fn what_is_past_the_window_is_freed_and_still_told() {
    for engine in engines() {
        let mut server = Server::start_with(engine, &[("default-window", "0s"), ("blob-lease", "3s")]);
        let repository = "admin/app";
        let (kept, gone) = (Image::of("kept"), Image::of("gone"));
        server.push(repository, "kept", &kept);
        server.push(repository, "gone", &gone);
        tick();
        server.delete_tag(repository, "gone").is_empty(204);
        tick();
        assert_eq!(server.pull(repository, "gone"), Err("MANIFEST_UNKNOWN".into()));
        let history = |server: &Server| {
            let token = server.push_token(repository);
            let answer = server.v2(&token, "GET", repository, "_oci/tag-history/gone").send();
            answer.json()["manifests"].clone()
        };
        let before = history(&server);
        assert_eq!(before.as_array().unwrap().len(), 2, "{before}");

        let (_, said, code) = text(&server.run(&["collect", "--once"]));
        assert!(said.contains("a running server has the storage"), "{said}");
        assert_eq!(code, Some(1));
        assert_eq!(server.stop(), Some(0));
        let files = server.blob_files();
        let size: usize = gone.blobs.iter().map(Vec::len).sum();
        let table = |heading: &str| {
            let rows =
                [("repositories", 0), ("lifetimes", 1), ("manifests", 1), ("blobs", 2), ("stray files", 0)];
            let rows = rows.iter().map(|(what, count)| format!("{what:<13}{count:>16}\n"));
            format!("{heading}\n{}{:<13}{size:>16}\n", rows.collect::<String>(), "bytes")
        };
        // Until the last lease is over it would be less.
        let begun = Instant::now();
        loop {
            let (would, _, code) = text(&server.run(&["collect", "--dry-run"]));
            assert_eq!(code, Some(0));
            if would == table("would be freed") {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{would}");
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(server.blob_files(), files, "it was only asked what would be");
        let (done, _, code) = text(&server.run(&["collect", "--once"]));
        assert_eq!((done, code), (table("freed"), Some(0)));
        assert_eq!(server.blob_files().len(), files.len() - 2);

        server.spawn();
        assert_eq!(server.pull(repository, "kept"), Ok(kept.digest()));
        assert_eq!(server.pull(repository, &gone.digest()), Err("MANIFEST_UNKNOWN".into()));
        assert_eq!(history(&server), before);
        server.push(repository, "gone", &kept);
        assert_eq!(history(&server).as_array().unwrap().len(), 3);
    }
}

#[test]
fn a_repository_that_was_deleted_is_freed_with_all_it_had() {
    for engine in engines() {
        let mut server = Server::start_with(engine, &[]);
        let (one, other) = (Image::of("one"), Image::of("other"));
        let index = Image::index(&[&one, &other]);
        for repository in ["admin/gone", "admin/kept"] {
            server.push(repository, "one", &one);
        }
        server.push("admin/gone", "other", &other);
        server.push("admin/gone", "both", &index);
        server.by_admin("DELETE", "/api/v1/repository/admin/gone").send().is_empty(204);
        assert_eq!(server.stop(), Some(0));
        let (freed, _, code) = text(&server.run(&["collect", "--once"]));
        assert_eq!(code, Some(0));
        for row in [
            "repositories                1",
            "manifests                   3",
            "blobs                       2",
        ] {
            assert!(freed.lines().any(|line| line == row), "no `{row}` in {freed}");
        }
        server.spawn();
        assert_eq!(server.pull("admin/kept", "one"), Ok(one.digest()));
        let token = server.push_token("admin/kept");
        for blob in &one.blobs {
            let rest = format!("blobs/{}", wharfinger_model::Digest::sha256(blob));
            assert_eq!(server.v2(&token, "GET", "admin/kept", &rest).send().body, *blob);
        }
        assert_eq!(server.stop(), Some(0));
        assert_eq!(text(&server.run(&["check"])).2, Some(0));
    }
}

#[test]
fn a_head_by_somebody_who_may_push_keeps_a_manifest() {
    let server = Server::start_with(Engine::Sqlite, &[("collect-interval", "520w")]);
    let image = Image::of("image");
    let digest = server.push("admin/app", &Image::of("image").digest(), &image);
    let database = rusqlite::Connection::open(server.database()).unwrap();
    let lease_end =
        || -> i64 { database.query_row("SELECT lease_end_ms FROM manifest", [], |row| row.get(0)).unwrap() };
    let pushed = lease_end();
    let ask = |actions: &str, method: &str| {
        let scope = format!("repository:admin/app:{actions}");
        let token = server.registry_token("$oauthtoken", &server.admin, &[&scope]);
        let answer = server.v2(&token, method, "admin/app", &format!("manifests/{digest}")).send();
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    ask("pull,push", "HEAD");
    assert_eq!(lease_end(), pushed, "it was just pushed");
    // As if nearly all of it were over.
    database.execute("UPDATE manifest SET lease_end_ms = lease_end_ms - 3500000", []).unwrap();
    let nearly_over = lease_end();
    ask("pull", "HEAD");
    ask("pull,push", "GET");
    assert_eq!(lease_end(), nearly_over);
    ask("pull,push", "HEAD");
    assert!(lease_end() >= pushed, "{} {pushed}", lease_end());
}

#[test]
fn a_repository_that_can_not_be_collected_keeps_no_other() {
    let mut server =
        Server::start_with(Engine::Sqlite, &[("collect-interval", "520w"), ("default-window", "0s")]);
    for repository in ["admin/stuck", "admin/fine"] {
        server.push(repository, "v1", &Image::of(repository));
        server.delete_tag(repository, "v1").is_empty(204);
    }
    assert_eq!(server.stop(), Some(0));
    let database = rusqlite::Connection::open(server.database()).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER stuck BEFORE DELETE ON lifetime WHEN OLD.repository_id =
                (SELECT id FROM repository WHERE name = 'stuck')
             BEGIN SELECT RAISE(ABORT, 'stuck'); END",
        )
        .unwrap();
    let (freed, said, code) = text(&server.run(&["collect", "--once"]));
    assert!(freed.contains("lifetimes                   1\n"), "{freed}");
    assert!(said.contains("a repository could not be collected"), "{said}");
    assert_eq!(code, Some(0));
    database.execute_batch("DROP TRIGGER stuck").unwrap();
    let (freed, said, _) = text(&server.run(&["collect", "--once"]));
    assert!(freed.contains("lifetimes                   1\n") && said.is_empty(), "{freed}{said}");
}
