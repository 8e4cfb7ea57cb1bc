//! Manifests whose parts are not all there: refused, or taken and completed by what comes later.

use serde_json::{Value, json};
use wharfinger_model::Digest;

use crate::support::{Image, Server, each_engine, engines};

const REPOSITORY: &str = "admin/app";
/// What is needed by nothing is freed as soon as its lease is over.
const SPARSE: [(&str, &str); 3] =
    [("sparse-manifests", "true"), ("collect-interval", "5ms"), ("blob-lease", "1s")];

/// What the tag's entry says of how much of its index is there.
fn presence(server: &Server, tag: &str) -> Value {
    let entry = &server.history(REPOSITORY, tag)[0];
    json!([entry["is_sparse"], entry["present_child_count"], entry["child_manifests_presence"]])
}

/// Waits until everything that nothing needs was freed, of what came before: a blob that is needed by nothing comes last.
#[track_caller]
fn outlive_leases(server: &Server, last: &str) {
    let token = server.push_token(REPOSITORY);
    server.push_blob(&token, REPOSITORY, last.as_bytes()).send().is_empty(201);
    let name = Digest::sha256(last.as_bytes()).hex().to_owned();
    let is_there = |server: &Server| server.blob_files().keys().any(|file| file.ends_with(&name));
    assert!(is_there(server));
    let begun = std::time::Instant::now();
    while is_there(server) {
        assert!(begun.elapsed() < crate::support::PATIENCE, "it is not collected");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn unless_it_is_allowed_what_lacks_anything_is_refused() {
    each_engine(|server| {
        server.push(REPOSITORY, "other", &Image::of("other"));
        let token = server.push_token(REPOSITORY);
        let image = Image::of("image");
        for blob in [None, Some(&image.blobs[0])] {
            if let Some(blob) = blob {
                server.push_blob(&token, REPOSITORY, blob).send().is_empty(201);
            }
            let answer = server.push_manifest(&token, REPOSITORY, "v1", &image).send();
            answer.is_oci_error(400, "MANIFEST_BLOB_UNKNOWN");
        }
        let index = Image::index(&[&Image::of("other"), &image]);
        let answer = server.push_manifest(&token, REPOSITORY, "v1", &index).send();
        answer.is_oci_error(400, "MANIFEST_BLOB_UNKNOWN");
        assert_eq!(answer.json()["errors"][0]["detail"], json!({"digest": image.digest()}));
        assert_eq!(server.pull(REPOSITORY, "v1"), Err("MANIFEST_UNKNOWN".to_owned()));
    });
}

#[test]
fn where_it_is_allowed_they_are_taken_and_completed_by_what_comes_later() {
    for engine in engines() {
        let mut server = Server::start_with(engine, &SPARSE);
        let (image, other) = (Image::of("image"), Image::of("other"));
        let index = Image::index(&[&image, &other]);
        let [layer, child] = [format!("blobs/{}", Digest::sha256(&image.blobs[1])), other.digest()];
        server.create_repository(REPOSITORY, "private");
        let token = server.push_token(REPOSITORY);
        server.push_blob(&token, REPOSITORY, &image.blobs[0]).send().is_empty(201);
        for (tag, manifest) in [("image", &image), ("index", &index)] {
            server.push_manifest(&token, REPOSITORY, tag, manifest).send().is_empty(201);
            assert_eq!(server.pull(REPOSITORY, tag), Ok(manifest.digest()));
        }
        server.v2(&token, "GET", REPOSITORY, &layer).send().is_oci_error(404, "BLOB_UNKNOWN");
        assert_eq!(server.pull(REPOSITORY, &child), Err("MANIFEST_UNKNOWN".to_owned()));
        let one = json!([true, 1, {image.digest(): true, other.digest(): false}]);
        assert_eq!(presence(&server, "index"), one);
        outlive_leases(&server, "first");
        assert_eq!(server.pull(REPOSITORY, &image.digest()), Ok(image.digest()));

        assert_eq!(server.stop(), Some(0));
        let found = server.run(&["check"]);
        assert_eq!((found.stdout.as_slice(), found.status.code()), (b"".as_slice(), Some(0)), "{found:?}");
        server.spawn();

        let token = server.push_token(REPOSITORY);
        server.push_blob(&token, REPOSITORY, &image.blobs[1]).send().is_empty(201);
        server.push(REPOSITORY, &child, &other);
        assert_eq!(
            presence(&server, "index"),
            json!([false, 2, {image.digest(): true, other.digest(): true}])
        );
        outlive_leases(&server, "second");
        assert_eq!(server.v2(&token, "GET", REPOSITORY, &layer).send().body, image.blobs[1]);
        assert_eq!(server.pull(REPOSITORY, &child), Ok(child.clone()));
        let by_digest = server.v2(&token, "DELETE", REPOSITORY, &format!("manifests/{child}")).send();
        by_digest.is_oci_error(405, "UNSUPPORTED");

        assert_eq!(server.stop(), Some(0));
        let found = server.run(&["check"]);
        assert_eq!((found.stdout.as_slice(), found.status.code()), (b"".as_slice(), Some(0)), "{found:?}");
    }
}
