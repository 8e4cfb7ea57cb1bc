//! `changeTag` that says when a tag is to end.

use serde_json::{Value, json};

use crate::support::{Engine, Image, Server, date, each_engine, now_s, tag_path};

const REPOSITORY: &str = "admin/app";
/// What is said of a request that can't be understood.
const NOT_UNDERSTOOD: &str = "The browser (or proxy) sent a request that this server could not understand.";
const OUT_OF_RANGE: &str = "Invalid expiration: it is in seconds since 1970, in the future, and before the year 10000; null is for never";

#[test]
fn an_expiration_holds_to_the_second_and_null_clears_it() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
        let now = now_s();
        for end in [now + 60, now + 600, now + 3 * 365 * 24 * 3600, 253_402_300_799] {
            server.changes(REPOSITORY, "v1", &json!({"expiration": end}));
            let history = server.history(REPOSITORY, "v1");
            assert_eq!(history.len(), 1, "the lifetime is the same one: {history:?}");
            assert_eq!(
                (&history[0]["end_ts"], &history[0]["expiration"]),
                (&json!(end), &json!(date(&json!(end))))
            );
            assert_eq!(server.names(REPOSITORY, "?onlyActiveTags=true"), ["v1"]);
            assert_eq!(server.pull(REPOSITORY, "v1"), Ok(digest.clone()));
        }
        server.changes(REPOSITORY, "v1", &json!({"expiration": now as f64 + 90.75}));
        assert_eq!(server.history(REPOSITORY, "v1")[0]["end_ts"], now + 90);
        server.changes(REPOSITORY, "v1", &json!({"expiration": null}));
        assert_eq!(server.history(REPOSITORY, "v1")[0].get("end_ts"), None);
        assert_eq!(server.history(REPOSITORY, "v1")[0].get("expiration"), None);
    });
}

#[test]
fn an_expiration_that_can_not_be_is_refused_and_changes_nothing() {
    let server = Server::start(Engine::Sqlite);
    server.push(REPOSITORY, "v1", &Image::of("any"));
    server.changes(REPOSITORY, "v1", &json!({"expiration": now_s() + 600}));
    let before = server.everything(REPOSITORY);
    let past = (now_s() - 1).to_string();
    let now = now_s().to_string();
    for number in [
        "0",
        "-1",
        "1",
        past.as_str(),
        now.as_str(),
        "253402300800",
        "9223372036854775808",
        "1e300",
        "-1e300",
        "1e309",
        "-1e309",
        "NaN",
        "Infinity",
        "-Infinity",
        "0x10",
        "1_000",
        "01",
    ] {
        let body = format!("{{\"expiration\": {number}}}");
        let answer =
            server.by_admin("PUT", &tag_path(REPOSITORY, "v1")).body("application/json", body).send();
        let is_json = serde_json::from_str::<Value>(number).is_ok();
        answer.is(400, json!({"message": if is_json { OUT_OF_RANGE } else { NOT_UNDERSTOOD }}));
    }
    for (value, text) in [
        (json!(true), "True is not of type 'number', 'null'"),
        (json!("x"), "'x' is not of type 'number', 'null'"),
        (json!("1893456000"), "'1893456000' is not of type 'number', 'null'"),
        (json!([1]), "[1] is not of type 'number', 'null'"),
        (json!({}), "{} is not of type 'number', 'null'"),
    ] {
        let answer = server.change(REPOSITORY, "v1", &json!({"expiration": value}));
        answer.is_problem(&server.url, 400, "invalid_request", text);
    }
    let future = json!({"expiration": now_s() + 600});
    server.change(REPOSITORY, "v2", &future).is_problem(&server.url, 404, "not_found", "Not Found");
    assert_eq!(server.everything(REPOSITORY), before);
}

#[test]
fn a_tag_is_dead_when_its_time_has_come() {
    each_engine(|server| {
        let image = Image::of("any");
        server.push(REPOSITORY, "v1", &image);
        let end = now_s() + 2;
        server.changes(REPOSITORY, "v1", &json!({"expiration": end}));
        let gone =
            server.eventually(|server| server.ask_pull(REPOSITORY, "v1"), |answer| answer.status != 200);
        assert!(now_s() >= end);
        gone.is_oci_error(404, "TAG_EXPIRED");
        assert_eq!(server.names(REPOSITORY, "?onlyActiveTags=true"), [""; 0]);
        let history = server.history(REPOSITORY, "v1");
        assert_eq!((history.len(), &history[0]["end_ts"]), (1, &json!(end)));
        for answer in [server.delete_tag(REPOSITORY, "v1"), server.tag_pulls(REPOSITORY, "v1")] {
            answer.is_problem(&server.url, 404, "not_found", "Not Found");
        }
        server.change(REPOSITORY, "v1", &json!({"expiration": null})).is_problem(
            &server.url,
            404,
            "not_found",
            "Not Found",
        );
        assert_eq!(server.pull(REPOSITORY, &image.digest()), Ok(image.digest()));

        server.changes(REPOSITORY, "v1", &json!({"manifest_digest": image.digest()}));
        let history = server.history(REPOSITORY, "v1");
        assert_eq!((history.len(), history[0].get("end_ts"), &history[1]["end_ts"]), (2, None, &json!(end)));
    });
}

#[test]
fn a_digest_and_an_expiration_apply_together_or_not_at_all() {
    each_engine(|server| {
        let (one, two) = (Image::of("one"), Image::of("two"));
        server.push(REPOSITORY, "v1", &one);
        server.push(REPOSITORY, "two", &two);
        let end = now_s() + 600;
        for tag in ["v1", "new"] {
            server.changes(REPOSITORY, tag, &json!({"manifest_digest": two.digest(), "expiration": end}));
            let newest = &server.history(REPOSITORY, tag)[0];
            assert_eq!((&newest["manifest_digest"], &newest["end_ts"]), (&json!(two.digest()), &json!(end)));
        }
        // A move without a word about it takes no expiration along.
        server.changes(REPOSITORY, "v1", &json!({"manifest_digest": one.digest()}));
        assert_eq!(server.history(REPOSITORY, "v1")[0].get("end_ts"), None);

        let before = server.everything(REPOSITORY);
        for tag in ["v1", "newer"] {
            let past = json!({"manifest_digest": two.digest(), "expiration": 1});
            server.change(REPOSITORY, tag, &past).is(400, json!({"message": OUT_OF_RANGE}));
            let unknown = json!({"manifest_digest": Image::of("x").digest(), "expiration": end});
            server.change(REPOSITORY, tag, &unknown).is_problem(&server.url, 404, "not_found", "Not Found");
        }
        assert_eq!(server.everything(REPOSITORY), before);
    });
}
