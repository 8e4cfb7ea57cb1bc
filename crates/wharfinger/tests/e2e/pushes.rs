//! Pushes of manifests with several tags, and of manifests of every kind.

use serde_json::json;
use wharfinger_model::{Algorithm, Digest};

use crate::support::{Answer, Engine, INDEX, Image, MANIFEST, Server, each_engine};

const REPOSITORY: &str = "admin/app";

/// Pushes an image by digest under the tags of a query.
fn push_tagged(server: &Server, image: &Image, digest: &Digest, query: &str) -> Answer {
    let token = server.push_token(REPOSITORY);
    for blob in &image.blobs {
        server.push_blob(&token, REPOSITORY, blob).send().is_empty(201);
    }
    server.push_manifest(&token, REPOSITORY, &format!("{digest}?{query}"), image).send()
}

fn tags_set(answer: &Answer) -> Vec<&str> {
    answer.headers.get_all("oci-tag").iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn a_push_by_digest_sets_every_tag_it_names() {
    each_engine(|server| {
        for (image, algorithm) in [("one", Algorithm::Sha256), ("two", Algorithm::Sha512)] {
            let image = Image::of(image);
            let digest = algorithm.digest(&image.manifest);
            let answer = push_tagged(&server, &image, &digest, "tag=v1&tag=latest&other=x&tag=v1");
            answer.is_empty(201);
            assert_eq!(tags_set(&answer), ["latest", "v1"]);
            assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
            for tag in ["latest", "v1"] {
                let pulled = server.ask_pull(REPOSITORY, tag);
                assert_eq!((pulled.status, &pulled.body), (200, &image.manifest));
                assert_eq!(pulled.header("docker-content-digest"), Some(digest.as_str()));
            }
        }
        // Once for each push, though one of them named it twice.
        assert_eq!(server.history(REPOSITORY, "v1").len(), 2);
    });
}

#[test]
fn a_push_by_digest_that_may_not_set_one_tag_stores_nothing() {
    each_engine(|server| {
        let first = Image::of("first");
        let digest = server.push(REPOSITORY, "fixed", &first);
        server.changes(REPOSITORY, "fixed", &json!({"manifest_digest": digest, "immutable": true}));
        let before = server.everything(REPOSITORY);
        let second = Image::of("second");
        let digest = Digest::sha256(&second.manifest);
        let many: Vec<_> = (0..33).map(|number| format!("tag=t{number}")).collect();
        for (query, status, code) in [
            (&*many.join("&"), 414, "TAG_INVALID"),
            ("tag=fixed&tag=a", 409, "TAG_IMMUTABLE"),
            ("tag=a&tag=fixed&tag=z", 409, "TAG_IMMUTABLE"),
            ("tag=a&tag=-no", 400, "TAG_INVALID"),
            ("tag=", 400, "TAG_INVALID"),
            ("tag=a%00", 400, "TAG_INVALID"),
        ] {
            push_tagged(&server, &second, &digest, query).is_oci_error(status, code);
            assert_eq!(server.everything(REPOSITORY), before, "{query}");
            assert_eq!(server.pull(REPOSITORY, digest.as_str()), Err("MANIFEST_UNKNOWN".into()), "{query}");
        }
    });
}

#[test]
fn a_push_by_tag_may_name_more_tags() {
    let server = Server::start(Engine::Sqlite);
    let image = Image::of("any");
    server.push(REPOSITORY, "a", &image);
    let token = server.push_token(REPOSITORY);
    let answer = server.push_manifest(&token, REPOSITORY, "a?tag=b", &image).send();
    answer.is_empty(201);
    assert_eq!(tags_set(&answer), ["a", "b"]);
    assert_eq!(server.pull(REPOSITORY, "b"), Ok(image.digest()));
}

#[test]
fn a_manifest_of_another_type_is_kept_byte_for_byte_with_what_it_holds() {
    each_engine(|server| {
        let media_type = "application/vnd.oci.artifact.manifest.v1+json";
        let token = server.push_token(REPOSITORY);
        let blob = b"held by an artifact".to_vec();
        let subject = Image::of("subject");
        let artifact = |blob: &[u8]| Image {
            media_type,
            manifest: json!({
                "mediaType": media_type, "artifactType": "application/x.sbom", "x-own": {"b": 1, "a": 2},
                "blobs": [{"mediaType": "text/plain", "digest": Digest::sha256(blob), "size": blob.len()}],
                "subject": {"mediaType": MANIFEST, "digest": subject.digest(), "size": 1},
            })
            .to_string()
            .into_bytes(),
            blobs: vec![blob.to_vec()],
        };
        server
            .push_manifest(&token, REPOSITORY, "v1", &artifact(b"missing"))
            .send()
            .is_oci_error(400, "MANIFEST_BLOB_UNKNOWN");
        let image = artifact(&blob);
        server.push(REPOSITORY, "v1", &image);
        let pulled = server.ask_pull(REPOSITORY, "v1");
        assert_eq!(
            (pulled.body.as_slice(), pulled.header("content-type")),
            (&*image.manifest, Some(media_type))
        );
        let held = format!("blobs/{}", Digest::sha256(&blob));
        server.v2(&token, "DELETE", REPOSITORY, &held).send().is_oci_error(405, "UNSUPPORTED");
        let rest = format!("referrers/{}", subject.digest());
        let listed = server.v2(&token, "GET", REPOSITORY, &rest).send().json();
        assert_eq!(listed["manifests"][0]["artifactType"], "application/x.sbom");
        assert_eq!(listed["manifests"][0]["mediaType"], media_type);
    });
}

#[test]
fn an_index_may_list_indexes_and_artifacts_that_hold_nothing() {
    each_engine(|server| {
        let token = server.push_token(REPOSITORY);
        let empty = Image {
            media_type: MANIFEST,
            manifest: json!({
                "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x.note",
                "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::sha256(b"{}"), "size": 2},
                "layers": [],
            })
            .to_string()
            .into_bytes(),
            blobs: vec![b"{}".to_vec()],
        };
        let (none, leaf) = (Image::index(&[]), Image::of("leaf"));
        let (inner, outer) = (Image::index(&[&leaf, &empty]), Image::index(&[]));
        let outer = Image { manifest: Image::index(&[&inner, &none]).manifest, ..outer };
        for image in [&empty, &none, &leaf] {
            server.push_with(&token, REPOSITORY, &image.digest(), image);
        }
        // Children first: what an index lists must be there.
        let early = server.push_manifest(&token, REPOSITORY, "all", &outer).send();
        early.is_oci_error(400, "MANIFEST_BLOB_UNKNOWN");
        server.push_with(&token, REPOSITORY, &inner.digest(), &inner);
        server.push_with(&token, REPOSITORY, "all", &outer);
        let pulled = server.ask_pull(REPOSITORY, "all");
        assert_eq!((pulled.header("content-type"), &pulled.body), (Some(INDEX), &outer.manifest));
        // What a living index needs can't be deleted under it, however deep it is.
        let rest = format!("manifests/{}", inner.digest());
        server.v2(&token, "DELETE", REPOSITORY, &rest).send().is_oci_error(405, "UNSUPPORTED");
    });
}
