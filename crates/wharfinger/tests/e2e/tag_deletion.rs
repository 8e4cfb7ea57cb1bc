//! `deleteFullTag` and `restoreTag`, and what the distribution API deletes.

use serde_json::json;

use crate::support::{Engine, Image, Server, each_engine, tag_path};

const REPOSITORY: &str = "admin/app";

fn delete(server: &Server, reference: &str) -> crate::support::Answer {
    let token = server.push_token(REPOSITORY);
    server.v2(&token, "DELETE", REPOSITORY, &format!("manifests/{reference}")).send()
}

#[test]
fn a_deleted_tag_is_gone_and_what_it_named_can_still_be_pulled() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
        let answer = server.delete_tag(REPOSITORY, "v1");
        answer.is_empty(204);
        for again in [server.delete_tag(REPOSITORY, "v1"), server.delete_tag(REPOSITORY, "never")] {
            again.is_problem(&server.url, 404, "not_found", "Not Found");
        }
        let gone = server.ask_pull(REPOSITORY, "v1");
        gone.is_oci_error(404, "TAG_EXPIRED");
        let message = "Tag v1 was deleted or has expired. To pull, revive via time machine";
        assert_eq!(gone.json()["errors"][0]["message"], message);
        server.ask_pull(REPOSITORY, "never").is_oci_error(404, "MANIFEST_UNKNOWN");
        assert_eq!(server.pull(REPOSITORY, &digest), Ok(digest.clone()));
        let history = server.history(REPOSITORY, "v1");
        assert!(history.len() == 1 && history[0]["end_ts"].is_i64() && history[0]["expiration"].is_string());
        let token = server.push_token(REPOSITORY);
        let names = server.v2(&token, "GET", REPOSITORY, "tags/list").send();
        assert_eq!(names.json(), json!({"name": REPOSITORY, "tags": []}));

        server.restore(REPOSITORY, "v1", &digest).is(201, json!({}));
        assert_eq!(server.pull(REPOSITORY, "v1"), Ok(digest.clone()));
        let history = server.history(REPOSITORY, "v1");
        assert_eq!(
            (history.len(), &history[0]["reversion"], &history[1]["reversion"]),
            (2, &json!(true), &json!(false))
        );
    });
}

#[test]
fn a_name_that_no_tag_can_have_is_not_there_to_be_deleted() {
    let server = Server::start(Engine::Sqlite);
    server.push(REPOSITORY, "v1", &Image::of("any"));
    for name in ["-x", "%C3%A4", "a%00b", "%25", "x%20OR%201=1"] {
        let answer = server.delete_tag(REPOSITORY, name);
        answer.is_problem(&server.url, 404, "not_found", "Not Found");
    }
    assert_eq!(server.names(REPOSITORY, "?onlyActiveTags=true"), ["v1"]);
}

#[test]
fn a_restore_points_any_tag_at_whatever_is_still_stored() {
    each_engine(|server| {
        let (one, two, untagged) = (Image::of("one"), Image::of("two"), Image::of("untagged"));
        server.push(REPOSITORY, "v1", &one);
        server.push(REPOSITORY, "v1", &two);
        server.push(REPOSITORY, &untagged.digest(), &untagged);
        for (tag, image) in [("v1", &one), ("v1", &one), ("never-there", &two), ("v1", &untagged)] {
            server.restore(REPOSITORY, tag, &image.digest()).is(201, json!({}));
            let newest = &server.history(REPOSITORY, tag)[0];
            assert_eq!(
                (&newest["manifest_digest"], &newest["reversion"]),
                (&json!(image.digest()), &json!(true))
            );
            assert_eq!(server.pull(REPOSITORY, tag), Ok(image.digest()));
        }
        assert_eq!(server.history(REPOSITORY, "v1").len(), 5);
    });
}

#[test]
fn a_restore_that_can_not_be_is_refused_and_changes_nothing() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
    let foreign = server.push("admin/other", "v1", &Image::of("foreign"));
    let before = server.everything(REPOSITORY);
    let post = |tag: &str, body: &serde_json::Value| {
        server.by_admin("POST", &format!("{}/restore", tag_path(REPOSITORY, tag))).json(body).send()
    };
    for empty in [json!({}), json!({"digest": digest})] {
        post("v1", &empty).is_problem(&server.url, 400, "invalid_request", "Missing manifest_digest");
    }
    for (value, text) in [(json!(null), "None"), (json!(5), "5"), (json!(true), "True")] {
        let answer = post("v1", &json!({"manifest_digest": value}));
        answer.is_problem(&server.url, 400, "invalid_request", &format!("{text} is not of type 'string'"));
    }
    let unknown = Image::of("unknown").digest();
    for digest in ["", "latest", "sha256:abc", unknown.as_str(), foreign.as_str()] {
        server.restore(REPOSITORY, "v1", digest).is_problem(&server.url, 404, "not_found", "Not Found");
    }
    for name in ["-x", ".x", "%C3%A4", "a%20b"] {
        let answer = server.restore(REPOSITORY, name, &digest);
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(
            answer.json()["message"].as_str().unwrap().starts_with("Invalid tag: must match"),
            "{answer:?}"
        );
    }
    assert_eq!(server.everything(REPOSITORY), before);
}

#[test]
fn deletion_by_digest_ends_every_tag_at_once_and_a_restore_brings_it_back() {
    each_engine(|server| {
        let image = Image::of("any");
        let digest = server.push(REPOSITORY, "v1", &image);
        server.changes(REPOSITORY, "v2", &json!({"manifest_digest": digest}));
        let other = server.push(REPOSITORY, "other", &Image::of("other"));
        delete(&server, &digest).is_empty(202);
        assert_eq!(server.pull(REPOSITORY, &digest), Err("MANIFEST_UNKNOWN".into()));
        for tag in ["v1", "v2"] {
            assert_eq!(server.pull(REPOSITORY, tag), Err("TAG_EXPIRED".into()));
        }
        delete(&server, &digest).is_oci_error(404, "MANIFEST_UNKNOWN");
        server.manifest_pulls(REPOSITORY, &digest).is_problem(&server.url, 404, "not_found", "Not Found");
        assert_eq!(server.names(REPOSITORY, "?onlyActiveTags=true"), ["other"]);
        assert_eq!(server.pull(REPOSITORY, "other"), Ok(other));

        server.restore(REPOSITORY, "v1", &digest).is(201, json!({}));
        assert_eq!(server.pull(REPOSITORY, "v1"), Ok(digest.clone()));
        assert_eq!(server.pull(REPOSITORY, &digest), Ok(digest.clone()));
        let token = server.push_token(REPOSITORY);
        for blob in &image.blobs {
            let rest = format!("blobs/{}", wharfinger_model::Digest::sha256(blob));
            assert_eq!(server.v2(&token, "GET", REPOSITORY, &rest).send().body, *blob);
        }
    });
}

#[test]
fn deletion_by_tag_over_the_distribution_api_is_the_same_deletion() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
    server.changes(REPOSITORY, "v2", &json!({"manifest_digest": digest}));
    delete(&server, "v1").is_empty(202);
    delete(&server, "v1").is_oci_error(404, "MANIFEST_UNKNOWN");
    assert_eq!(server.pull(REPOSITORY, "v1"), Err("TAG_EXPIRED".into()));
    assert_eq!(server.pull(REPOSITORY, "v2"), Ok(digest));
    assert!(server.history(REPOSITORY, "v1")[0]["end_ts"].is_i64());
}

#[test]
fn untagged_manifests_go_by_digest_and_children_that_an_index_needs_do_not() {
    let server = Server::start(Engine::Sqlite);
    let (child, untagged) = (Image::of("child"), Image::of("untagged"));
    server.push(REPOSITORY, &child.digest(), &child);
    server.push(REPOSITORY, &untagged.digest(), &untagged);
    let index = Image::index(&[&child]);
    server.push(REPOSITORY, "multi", &index);
    delete(&server, &untagged.digest()).is_empty(202);
    assert_eq!(server.pull(REPOSITORY, &untagged.digest()), Err("MANIFEST_UNKNOWN".into()));
    delete(&server, &child.digest()).is_oci_error(405, "UNSUPPORTED");
    assert_eq!(server.pull(REPOSITORY, &child.digest()), Ok(child.digest()));

    delete(&server, &index.digest()).is_empty(202);
    delete(&server, &child.digest()).is_empty(202);
    assert_eq!(server.pull(REPOSITORY, &child.digest()), Err("MANIFEST_UNKNOWN".into()));
    server.restore(REPOSITORY, "multi", &index.digest()).is(201, json!({}));
    assert_eq!(server.pull(REPOSITORY, "multi"), Ok(index.digest()));
    assert_eq!(server.pull(REPOSITORY, &child.digest()), Ok(child.digest()));
}
