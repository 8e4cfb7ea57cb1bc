//! Pull statistics: what counts, how exactly, and what resets the counts.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wharfinger_model::Digest;

use crate::support::{Answer, Engine, Image, Server, date, each_engine, now_s};

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
fn not_one_of_many_pulls_at_once_is_lost_or_counted_twice() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
        server.changes(REPOSITORY, "v2", &json!({"manifest_digest": digest}));
        let token = server.push_token(REPOSITORY);
        std::thread::scope(|scope| {
            for worker in 0..8 {
                let (server, token, digest) = (&server, &token, &digest);
                scope.spawn(move || {
                    for number in 0..25 {
                        let reference = ["v1", "v2", digest.as_str()][(worker + number) % 3];
                        pull(server, token, if number % 2 == 0 { "GET" } else { "HEAD" }, reference);
                    }
                });
            }
        });
        let by = |remainder: usize| {
            let all = (0..8).flat_map(|worker| (0..25).map(move |number| worker + number));
            all.filter(|sum| sum % 3 == remainder).count() as u64
        };
        come_to(&server, "v1", by(0), 200);
        come_to(&server, "v2", by(1), 200);
    });
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
