//! The distribution API as clients use it: pushing, pulling, listing, referring, deleting.

use serde_json::{Value, json};
use wharfinger_model::Digest;

use crate::support::{Engine, INDEX, Image, MANIFEST, Server, each_engine, tick};

const REPOSITORY: &str = "admin/app";

#[test]
fn what_was_pushed_is_pulled_byte_for_byte() {
    each_engine(|server| {
        let mut image = Image::of("any");
        // White space and members that nobody knows are kept.
        let text = String::from_utf8(image.manifest).unwrap();
        image.manifest = format!("{{\n  \"x-unknown\": 1, {}\n", &text[1..]).into_bytes();
        let digest = server.push(REPOSITORY, "v1", &image);
        let token = server.push_token(REPOSITORY);
        let length = image.manifest.len().to_string();
        for reference in ["v1", digest.as_str()] {
            let get = server.v2(&token, "GET", REPOSITORY, &format!("manifests/{reference}")).send();
            assert_eq!((get.status, &get.body), (200, &image.manifest));
            let head = server.v2(&token, "HEAD", REPOSITORY, &format!("manifests/{reference}")).send();
            head.is_empty(200);
            for answer in [get, head] {
                assert_eq!(answer.header("content-type"), Some(MANIFEST));
                assert_eq!(answer.header("content-length"), Some(length.as_str()));
                assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
            }
        }
        for accept in ["*/*", INDEX, "application/vnd.docker.distribution.manifest.v1+json", "text/html"] {
            let call = server.v2(&token, "GET", REPOSITORY, "manifests/v1").header("accept", accept);
            assert_eq!(call.send().body, image.manifest, "{accept}");
        }
        for blob in &image.blobs {
            let digest = Digest::sha256(blob);
            let get = server.v2(&token, "GET", REPOSITORY, &format!("blobs/{digest}")).send();
            assert_eq!((get.status, &get.body), (200, blob));
            let head = server.v2(&token, "HEAD", REPOSITORY, &format!("blobs/{digest}")).send();
            head.is_empty(200);
            assert_eq!(head.header("content-length"), Some(blob.len().to_string().as_str()));
            assert_eq!(head.header("docker-content-digest"), Some(digest.as_str()));
        }
    });
}

#[test]
fn digests_of_the_other_algorithm_are_kept_as_they_were_named() {
    let server = Server::start(Engine::Sqlite);
    let token = server.push_token(REPOSITORY);
    let blob = b"by sha512";
    let digest = wharfinger_model::Algorithm::Sha512.digest(blob);
    let rest = format!("blobs/uploads/?digest={digest}");
    let call = server.v2(&token, "POST", REPOSITORY, &rest).body("application/octet-stream", blob.as_slice());
    call.send().is_empty(201);
    let answer = server.v2(&token, "GET", REPOSITORY, &format!("blobs/{digest}")).send();
    assert_eq!(
        (answer.body.as_slice(), answer.header("docker-content-digest")),
        (blob.as_slice(), Some(digest.as_str()))
    );

    let image = Image::of("any");
    server.push(REPOSITORY, "v1", &image);
    let digest = wharfinger_model::Algorithm::Sha512.digest(&image.manifest);
    server.push_manifest(&token, REPOSITORY, digest.as_str(), &image).send().is_empty(201);
    let answer = server.v2(&token, "HEAD", REPOSITORY, &format!("manifests/{digest}")).send();
    assert_eq!((answer.status, answer.header("docker-content-digest")), (200, Some(digest.as_str())));
}

#[test]
fn parts_of_a_blob_can_be_asked_for() {
    let server = Server::start(Engine::Sqlite);
    let token = server.push_token(REPOSITORY);
    let blob: Vec<u8> = (0..2048_u32).map(|at| (at % 251) as u8).collect();
    server.push_blob(&token, REPOSITORY, &blob).send().is_empty(201);
    let rest = format!("blobs/{}", Digest::sha256(&blob));
    let get = |range: &str| server.v2(&token, "GET", REPOSITORY, &rest).header("range", range).send();
    for (range, from, to) in [
        ("bytes=500-1499", 500, 1500),
        ("bytes=500-", 500, 2048),
        ("bytes=-500", 1548, 2048),
        ("bytes=2000-5000", 2000, 2048),
        ("bytes=0-0", 0, 1),
        ("bytes=-5000", 0, 2048),
    ] {
        let answer = get(range);
        assert_eq!((answer.status, answer.body.as_slice()), (206, &blob[from..to]), "{range}");
        let content_range = format!("bytes {from}-{}/2048", to - 1);
        assert_eq!(answer.header("content-range"), Some(content_range.as_str()));
        assert_eq!(answer.header("content-length"), Some((to - from).to_string().as_str()));
    }
    for range in ["bytes=5000-10000", "bytes=2048-", "bytes=-0"] {
        let answer = get(range);
        assert_eq!(answer.status, 416, "{range}: {answer:?}");
        assert_eq!(answer.header("content-range"), Some("bytes */2048"));
    }
    let many: Vec<_> = (0..500).map(|at| format!("{at}-{at}")).collect();
    for range in ["bytes=0-0,5-6", "lines=1-2", "bytes=x", &format!("bytes={}", many.join(","))] {
        let answer = get(range);
        assert!(answer.status == 416 || (answer.status == 200 && answer.body == blob), "{range}: {answer:?}");
    }
}

#[test]
fn what_the_client_has_already_is_not_sent_again() {
    let server = Server::start(Engine::Sqlite);
    let image = Image::of("any");
    let digest = server.push(REPOSITORY, "v1", &image);
    let token = server.push_token(REPOSITORY);
    let blob = Digest::sha256(&image.blobs[0]).to_string();
    for (rest, digest) in [
        ("manifests/v1".to_owned(), &digest),
        (format!("manifests/{digest}"), &digest),
        (format!("blobs/{blob}"), &blob),
    ] {
        let get = |tag: &str| server.v2(&token, "GET", REPOSITORY, &rest).header("if-none-match", tag).send();
        let tag = format!("\"{digest}\"");
        let answer = get(&tag);
        answer.is_empty(304);
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
        assert_eq!(get("\"other\"").status, 200);
    }
}

#[test]
fn tags_are_listed_in_the_order_of_their_bytes_page_by_page() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "b", &Image::of("any"));
        for tag in ["a", "B", "_", "1", "a.b", "a-b", "gone"] {
            server.changes(REPOSITORY, tag, &json!({"manifest_digest": digest}));
        }
        assert_eq!(server.delete_tag(REPOSITORY, "gone").status, 204);
        let token = server.push_token(REPOSITORY);
        let ask = |query: &str| server.v2(&token, "GET", REPOSITORY, &format!("tags/list{query}")).send();
        let tags = |query: &str| ask(query).json()["tags"].clone();
        let all = json!(["1", "B", "_", "a", "a-b", "a.b", "b"]);
        assert_eq!(ask("").json(), json!({"name": REPOSITORY, "tags": all}));
        for (query, names) in [
            ("?n=100000000000", &all),
            ("?n=x", &all),
            ("?last=a", &json!(["a-b", "a.b", "b"])),
            ("?last=ZZ", &json!(["_", "a", "a-b", "a.b", "b"])),
            ("?last=b", &json!([])),
            ("?n=2&last=_", &json!(["a", "a-b"])),
            ("?n=0", &json!([])),
            ("?n=-1", &json!([])),
            ("?last=%00", &all),
        ] {
            assert_eq!(tags(query), *names, "{query}");
        }
        assert_eq!(ask("?n=0").header("link"), None);

        let (mut path, mut found) = (format!("/v2/{REPOSITORY}/tags/list?n=3"), Vec::new());
        loop {
            let answer = server.call("GET", &path).bearer(&token).send();
            found.extend(answer.json()["tags"].as_array().unwrap().iter().cloned());
            let Some(link) = answer.header("link") else { break };
            path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        }
        assert_eq!(json!(found), all);
    });
}

/// An artifact that belongs to `subject`.
fn artifact(subject: &Image, artifact_type: Option<&str>, note: &str) -> Image {
    let mut image = Image::of(note);
    let mut document: Value = serde_json::from_slice(&image.manifest).unwrap();
    document["subject"] =
        json!({"mediaType": MANIFEST, "digest": subject.digest(), "size": subject.manifest.len()});
    document["annotations"] = json!({"note": note});
    if let Some(artifact_type) = artifact_type {
        document["artifactType"] = json!(artifact_type);
    }
    image.manifest = document.to_string().into_bytes();
    image
}

#[test]
fn referrers_are_found_by_their_subject_even_before_it_is_there() {
    each_engine(|server| {
        let subject = Image::of("subject");
        let token = server.push_token(REPOSITORY);
        let ask = |query: &str| {
            let rest = format!("referrers/{}{query}", subject.digest());
            let answer = server.v2(&token, "GET", REPOSITORY, &rest).send();
            assert_eq!((answer.status, answer.header("content-type")), (200, Some(INDEX)), "{answer:?}");
            answer
        };
        assert_eq!(ask("").json(), json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}));

        let signature = artifact(&subject, Some("application/vnd.example.signature+json"), "signature");
        let plain = artifact(&subject, None, "plain");
        for image in [&signature, &plain] {
            tick();
            for blob in &image.blobs {
                server.push_blob(&token, REPOSITORY, blob).send().is_empty(201);
            }
            let answer = server.push_manifest(&token, REPOSITORY, &image.digest(), image).send();
            answer.is_empty(201);
            assert_eq!(answer.header("oci-subject"), Some(subject.digest().as_str()));
        }
        let descriptor = |image: &Image, artifact_type: &str, note: &str| {
            json!({
                "mediaType": MANIFEST, "digest": image.digest(), "size": image.manifest.len(),
                "artifactType": artifact_type, "annotations": {"note": note},
            })
        };
        let signed = descriptor(&signature, "application/vnd.example.signature+json", "signature");
        let config = descriptor(&plain, "application/vnd.oci.image.config.v1+json", "plain");
        let found = ask("").json()["manifests"].clone();
        assert_eq!(found.as_array().unwrap().len(), 2);
        assert!(
            found.as_array().unwrap().contains(&signed) && found.as_array().unwrap().contains(&config),
            "{found}"
        );

        let filtered = ask("?artifactType=application%2Fvnd.example.signature%2Bjson");
        assert_eq!(filtered.json()["manifests"], json!([signed]));
        assert_eq!(filtered.header("oci-filters-applied"), Some("artifactType"));
        let rest = format!("manifests/{}", signature.digest());
        server.v2(&token, "DELETE", REPOSITORY, &rest).send().is_empty(202);
        assert_eq!(ask("").json()["manifests"], json!([config]));
    });
}

#[test]
fn a_blob_can_be_deleted_when_nothing_needs_it() {
    let server = Server::start(Engine::Sqlite);
    let image = Image::of("any");
    let digest = server.push(REPOSITORY, "v1", &image);
    server.push("admin/other", "v1", &image);
    let token = server.push_token(REPOSITORY);
    let blob = format!("blobs/{}", Digest::sha256(&image.blobs[1]));
    let ask = |method: &str, rest: &str| server.v2(&token, method, REPOSITORY, rest).send();
    ask("DELETE", &blob).is_oci_error(405, "UNSUPPORTED");
    assert_eq!(ask("GET", &blob).status, 200);
    ask("DELETE", &format!("manifests/{digest}")).is_empty(202);
    ask("DELETE", &blob).is_empty(202);
    ask("GET", &blob).is_oci_error(404, "BLOB_UNKNOWN");
    ask("DELETE", &blob).is_oci_error(404, "BLOB_UNKNOWN");
    ask("DELETE", &format!("blobs/{}", Digest::sha256(b"never"))).is_oci_error(404, "BLOB_UNKNOWN");
    let other = server.push_token("admin/other");
    assert_eq!(server.v2(&other, "GET", "admin/other", &blob).send().body, image.blobs[1]);
}

#[test]
fn a_blob_of_another_repository_is_not_there() {
    let server = Server::start(Engine::Sqlite);
    let image = Image::of("any");
    server.push("admin/other", "v1", &image);
    let token = server.push_token(REPOSITORY);
    for blob in &image.blobs {
        let rest = format!("blobs/{}", Digest::sha256(blob));
        server.v2(&token, "GET", REPOSITORY, &rest).send().is_oci_error(404, "BLOB_UNKNOWN");
    }
    let rest = format!("manifests/{}", image.digest());
    server.v2(&token, "GET", REPOSITORY, &rest).send().is_oci_error(404, "MANIFEST_UNKNOWN");
}
