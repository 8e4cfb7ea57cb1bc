//! Pull statistics: what counts, how exactly, and what resets the counts.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wharfinger_model::Digest;

use crate::support::{Answer, Engine, Image, PATIENCE, Server, date, each_engine, now_s};

const REPOSITORY: &str = "admin/app";

/// A pull whose answer is looked at.
fn pull(server: &Server, token: &str, method: &str, reference: &str) {
    let answer = server.v2(token, method, REPOSITORY, &format!("manifests/{reference}")).send();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The counts of the tag and of the manifest that it points at.
fn counts(answer: &Answer) -> (Value, Value) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let statistics = answer.json();
    (statistics["tag_pull_count"].clone(), statistics["manifest_pull_count"].clone())
}

/// Waits for the counts of a tag and its manifest, and looks once more, so that they are not on their way further up.
#[track_caller]
fn come_to(server: &Server, tag: &str, of_tag: u64, of_manifest: u64) -> Value {
    let expected = (json!(of_tag), json!(of_manifest));
    let answer =
        server.eventually(|server| server.tag_pulls(REPOSITORY, tag), |answer| counts(answer) == expected);
    answer.json()
}

#[test]
fn pulls_by_tag_and_by_digest_count_in_both_methods_and_nothing_else_does() {
    each_engine(|server| {
        let image = Image::of("any");
        let digest = server.push(REPOSITORY, "v1", &image);
        let never = json!({
            "tag_name": "v1", "tag_pull_count": 0, "last_tag_pull_date": null,
            "current_manifest_digest": digest, "manifest_pull_count": 0, "last_manifest_pull_date": null,
        });
        server.tag_pulls(REPOSITORY, "v1").is(200, never);
        let never =
            json!({"manifest_digest": digest, "manifest_pull_count": 0, "last_manifest_pull_date": null});
        server.manifest_pulls(REPOSITORY, &digest).is(200, never);

        let token = server.push_token(REPOSITORY);
        let begun = now_s();
        for (rest, status) in [
            ("manifests/unknown", 404),
            ("tags/list", 200),
            (format!("blobs/{}", Digest::sha256(&image.blobs[0])).as_str(), 200),
            (format!("referrers/{digest}").as_str(), 200),
            (format!("manifests/{}", Image::of("unknown").digest()).as_str(), 404),
        ] {
            assert_eq!(server.v2(&token, "GET", REPOSITORY, rest).send().status, status, "{rest}");
        }
        for method in ["GET", "HEAD"] {
            pull(&server, &token, method, "v1");
            pull(&server, &token, method, &digest);
        }
        pull(&server, &token, "HEAD", "v1");
        let statistics = come_to(&server, "v1", 3, 5);
        let (tag_date, manifest_date) =
            (&statistics["last_tag_pull_date"], &statistics["last_manifest_pull_date"]);
        let seconds: Vec<_> = (begun..=now_s()).map(|second| json!(date(&json!(second)))).collect();
        assert!(
            seconds.contains(tag_date) && seconds.contains(manifest_date),
            "{statistics} not in {seconds:?}"
        );
        let of_manifest = json!({
            "manifest_digest": digest, "manifest_pull_count": 5, "last_manifest_pull_date": manifest_date,
        });
        server.manifest_pulls(REPOSITORY, &digest).is(200, of_manifest);
        assert_eq!(statistics["current_manifest_digest"], digest);
    });
}

#[test]
fn not_one_of_ten_thousand_pulls_at_once_over_fifty_tags_is_lost_or_counted_twice() {
    const TAGS: usize = 50;
    const EACH: usize = 200;
    each_engine(|server| {
        let digests = ["one", "two"].map(|name| server.push(REPOSITORY, name, &Image::of(name)));
        let tag = |number: usize| format!("v{number}");
        for number in 0..TAGS {
            server.changes(REPOSITORY, &tag(number), &json!({"manifest_digest": digests[number % 2]}));
        }
        let token = server.push_token(REPOSITORY);
        std::thread::scope(|scope| {
            for worker in 0..TAGS {
                let (server, token, digests) = (&server, &token, &digests);
                scope.spawn(move || {
                    for number in 0..EACH {
                        let tagged = tag((worker + number) % TAGS);
                        // Of ten pulls one names the digest.
                        let by_digest = number % 10 == 0;
                        let reference = if by_digest { &digests[worker % 2] } else { &tagged };
                        pull(server, token, if number % 4 < 2 { "GET" } else { "HEAD" }, reference);
                    }
                });
            }
        });
        // Each worker comes to every tag as often, but the pulls by digest leave some out.
        let by_tag = |tag: usize| {
            let all = (0..TAGS).flat_map(|worker| (0..EACH).map(move |number| (worker, number)));
            all.filter(|(worker, number)| number % 10 != 0 && (worker + number) % TAGS == tag).count() as u64
        };
        for number in 0..TAGS {
            come_to(&server, &tag(number), by_tag(number), (TAGS * EACH / 2) as u64);
        }
    });
}

#[test]
fn a_crash_loses_no_pull_that_was_seen_and_counts_none_in_part() {
    for engine in crate::support::engines() {
        let mut server = Server::start(engine);
        let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
        let token = server.push_token(REPOSITORY);
        for _ in 0..20 {
            pull(&server, &token, "GET", "v1");
        }
        come_to(&server, "v1", 20, 20);
        for _ in 0..20 {
            pull(&server, &token, "GET", "v1");
        }
        server.kill();
        server.wait();
        server.spawn();
        let answer = server.tag_pulls(REPOSITORY, "v1");
        let (of_tag, of_manifest) = counts(&answer);
        let count = of_tag.as_u64().unwrap();
        assert!((20..=40).contains(&count), "{answer:?}");
        // What is written down of a pull is written at once.
        assert_eq!(of_tag, of_manifest);
        let series = format!("/api/v1/repository/{REPOSITORY}/manifest/{digest}/pull_statistics/series");
        let series = server.by_admin("GET", &series).send().json();
        let points = series["points"].as_array().unwrap();
        assert_eq!(points.iter().map(|point| point["pulls"].as_u64().unwrap()).sum::<u64>(), count);
    }
}

#[test]
fn a_database_that_is_locked_for_long_neither_delays_nor_fails_a_pull() {
    let server = Server::start(Engine::Sqlite);
    server.push(REPOSITORY, "v1", &Image::of("any"));
    let token = server.push_token(REPOSITORY);
    let locker = rusqlite::Connection::open(server.database()).unwrap();
    locker.busy_timeout(PATIENCE).unwrap();
    locker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (mut pulls, mut longest) = (0, Duration::ZERO);
    // Longer than writing down waits.
    while !server.has_said("pull_counts.flush") {
        let begun = Instant::now();
        pull(&server, &token, "GET", "v1");
        longest = longest.max(begun.elapsed());
        pulls += 1;
    }
    locker.execute_batch("ROLLBACK").unwrap();
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    come_to(&server, "v1", pulls, pulls);
    server.forgive("background work failed", 1);
}

#[test]
fn a_pull_is_seen_within_two_seconds() {
    let server = Server::start(Engine::Sqlite);
    server.push(REPOSITORY, "v1", &Image::of("any"));
    let token = server.push_token(REPOSITORY);
    pull(&server, &token, "GET", "v1");
    let pulled = Instant::now();
    come_to(&server, "v1", 1, 1);
    assert!(pulled.elapsed() < Duration::from_secs(2), "{:?}", pulled.elapsed());
}

#[test]
fn anonymous_pulls_of_what_is_public_count_too() {
    let server = Server::start(Engine::Sqlite);
    server.create_repository(REPOSITORY, "public");
    server.push(REPOSITORY, "v1", &Image::of("any"));
    let path = format!("/v2/{REPOSITORY}/manifests/v1");
    assert_eq!(server.call("GET", &path).send().status, 200);
    let answer =
        server.call("GET", &format!("/v2/auth?service=test&scope=repository:{REPOSITORY}:pull")).send();
    pull(&server, answer.json()["token"].as_str().unwrap(), "GET", "v1");
    come_to(&server, "v1", 2, 2);
}

#[test]
fn deleting_a_tag_resets_its_count_and_moving_it_does_not() {
    each_engine(|server| {
        let (one, two) = (Image::of("one"), Image::of("two"));
        server.push(REPOSITORY, "v1", &one);
        server.push(REPOSITORY, "two", &two);
        let token = server.push_token(REPOSITORY);
        pull(&server, &token, "GET", "v1");
        pull(&server, &token, "GET", "v1");
        come_to(&server, "v1", 2, 2);

        server.changes(REPOSITORY, "v1", &json!({"manifest_digest": two.digest()}));
        let statistics = come_to(&server, "v1", 2, 0);
        assert_eq!(statistics["current_manifest_digest"], two.digest());
        assert_eq!(statistics["last_manifest_pull_date"], json!(null));
        server.push(REPOSITORY, "v1", &one);
        server.restore(REPOSITORY, "v1", &one.digest()).is(201, json!({}));
        come_to(&server, "v1", 2, 2);

        // One more that may be written down only after the tag is gone.
        pull(&server, &token, "GET", "v1");
        assert_eq!(server.delete_tag(REPOSITORY, "v1").status, 204);
        server.tag_pulls(REPOSITORY, "v1").is_problem(&server.url, 404, "not_found", "Not Found");
        server.restore(REPOSITORY, "v1", &one.digest()).is(201, json!({}));
        let statistics = come_to(&server, "v1", 0, 3);
        assert_eq!(statistics["last_tag_pull_date"], json!(null));
        pull(&server, &token, "GET", "v1");
        come_to(&server, "v1", 1, 4);
    });
}

#[test]
fn a_clean_stop_writes_down_what_was_counted() {
    for engine in crate::support::engines() {
        let mut server = Server::start_with(engine, &[("pull-count-flush", "1h")]);
        let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
        let token = server.push_token(REPOSITORY);
        for reference in ["v1", "v1", digest.as_str()] {
            pull(&server, &token, "GET", reference);
        }
        assert_eq!(server.stop(), Some(0));
        server.spawn();
        assert_eq!(counts(&server.tag_pulls(REPOSITORY, "v1")), (json!(2), json!(3)));
    }
}

#[test]
fn what_can_not_be_pulled_has_no_statistics() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
    server.push("admin/other", "v1", &Image::of("foreign"));
    let unknown = Image::of("unknown").digest();
    let foreign = Image::of("foreign").digest();
    let short = "sha256:abc";
    for reference in
        ["v1", "latest", unknown.as_str(), foreign.as_str(), short, "md5:00", "%00", &digest.to_uppercase()]
    {
        let answer = server.manifest_pulls(REPOSITORY, reference);
        answer.is_problem(&server.url, 404, "not_found", "Not Found");
    }
    for tag in ["unknown", "-x", "a%00b", "%C3%A4", digest.as_str()] {
        server.tag_pulls(REPOSITORY, tag).is_problem(&server.url, 404, "not_found", "Not Found");
    }
}
