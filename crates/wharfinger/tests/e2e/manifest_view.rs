//! `getRepoManifest`: what a manifest is made of, and how each layer came about.

use serde_json::{Value, json};
use wharfinger_model::Digest;

use crate::support::{Answer, EVERY_SCOPE, Engine, Image, MANIFEST, Server, each_engine};

const REPOSITORY: &str = "admin/app";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

fn path(repository: &str, digest: &str) -> String {
    format!("/api/v1/repository/{repository}/manifest/{digest}")
}

fn view(server: &Server, digest: &str) -> Answer {
    server.by_admin("GET", &path(REPOSITORY, digest)).send()
}

/// An image with this config and these layers.
fn image(config_type: &str, config: &[u8], layers: &[&[u8]]) -> Image {
    let describe = |media_type: &str, blob: &[u8]| json!({"mediaType": media_type, "digest": Digest::sha256(blob), "size": blob.len()});
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": describe(config_type, config),
        "layers": layers.iter().map(|layer| describe("application/x.layer", layer)).collect::<Vec<_>>(),
    });
    let blobs = std::iter::once(config).chain(layers.iter().copied()).map(<[u8]>::to_vec).collect();
    Image { media_type: MANIFEST, manifest: manifest.to_string().into_bytes(), blobs }
}

/// A layer of which nothing is told.
fn bare(index: usize, blob: &[u8]) -> Value {
    json!({
        "index": index, "compressed_size": blob.len(), "is_remote": false, "urls": null, "command": null,
        "comment": null, "author": null, "blob_digest": Digest::sha256(blob), "created_datetime": null,
    })
}

#[test]
fn an_image_is_shown_with_its_history_base_first() {
    each_engine(|server| {
        let config = json!({"architecture": "amd64", "os": "linux", "history": [
            {"created": "2026-08-02T20:00:00Z", "created_by": "/bin/sh -c #(nop) ADD x", "author": "Ä"},
            {"created": "2026-08-02T22:00:01.5+02:00", "created_by": "ENV A=1", "empty_layer": true},
            {"comment": "second"},
        ]});
        let image = image(CONFIG, config.to_string().as_bytes(), &[b"one", b"two"]);
        let digest = server.push(REPOSITORY, "v1", &image);
        let (mut one, mut two) = (bare(0, b"one"), bare(2, b"two"));
        one["command"] = json!(["/bin/sh -c #(nop) ADD x"]);
        one["author"] = json!("Ä");
        one["created_datetime"] = json!("Sun, 02 Aug 2026 20:00:00 -0000");
        two["comment"] = json!("second");
        let step = json!({
            "index": 1, "compressed_size": 0, "is_remote": false, "urls": null, "command": ["ENV A=1"],
            "comment": null, "author": null, "blob_digest": null,
            "created_datetime": "Sun, 02 Aug 2026 20:00:01 -0000",
        });
        let expected = json!({
            "digest": digest, "is_manifest_list": false,
            "manifest_data": String::from_utf8(image.manifest.clone()).unwrap(),
            "config_media_type": CONFIG, "layers_compressed_size": 6, "layers": [one, step, two],
        });
        view(&server, &digest).is(200, expected.clone());
        // To look is not to pull, and a manifest without tags can be looked at.
        server.delete_tag(REPOSITORY, "v1").is_empty(204);
        let answer = server.by_admin("GET", &format!("{}?include_modelcard=true", path(REPOSITORY, &digest)));
        answer.send().is(200, expected);
        let pulls = server.manifest_pulls(REPOSITORY, &digest).json();
        assert_eq!(pulls["manifest_pull_count"], 0);
    });
}

#[test]
fn a_config_that_tells_nothing_leaves_layers_without_descriptions() {
    let server = Server::start(Engine::Sqlite);
    let bare = |digest: &str, layers: &[&[u8]]| {
        let answer = view(&server, digest);
        assert_eq!(answer.status, 200, "{answer:?}");
        let expected: Vec<_> = layers.iter().enumerate().map(|(index, layer)| bare(index, layer)).collect();
        assert_eq!(answer.json()["layers"], json!(expected));
    };
    let large = format!("{{\"history\": [{{}}], \"x\": \"{}\"}}", "y".repeat(5 << 20)).into_bytes();
    for config in [
        b"not JSON".as_slice(),
        b"",
        b"\xff\xfe",
        b"{\"history\": [{}, {}]}",
        b"{\"history\": \"x\"}",
        b"{\"history\": [{\"created_by\": 7}]}",
        &large,
    ] {
        let digest = server.push(REPOSITORY, "v1", &image(CONFIG, config, &[b"one"]));
        bare(&digest, &[b"one"]);
    }
    // One whose bytes are lost is told in the log, and nothing else fails.
    let config = b"{\"history\": [{\"created_by\": \"x\"}]}";
    let digest = server.push(REPOSITORY, "v1", &image(CONFIG, config, &[b"one"]));
    assert_eq!(view(&server, &digest).json()["layers"][0]["command"], json!(["x"]));
    let lost = Digest::sha256(config);
    let folder = server.data.path().join("data/blobs/blobs/sha256").join(&lost.hex()[..2]);
    std::fs::remove_file(folder.join(lost.hex())).unwrap();
    bare(&digest, &[b"one"]);
    bare(&digest, &[b"one"]);
    server.forgive("the bytes of a blob are lost", 1);
}

#[test]
fn artifacts_and_indexes_are_shown_without_a_history() {
    let server = Server::start(Engine::Sqlite);
    let config = b"{\"history\": [{\"created_by\": \"x\"}]}";
    let artifact = image("application/vnd.example.config+json", config, &[b"one"]);
    let digest = server.push(REPOSITORY, &artifact.digest(), &artifact);
    let shown = view(&server, &digest).json();
    assert_eq!(
        (&shown["config_media_type"], &shown["layers"]),
        (&json!("application/vnd.example.config+json"), &json!([bare(0, b"one")]))
    );
    let index = Image::index(&[&artifact]);
    let digest = server.push(REPOSITORY, "multi", &index);
    let expected = json!({
        "digest": digest, "is_manifest_list": true, "manifest_data": String::from_utf8(index.manifest).unwrap(),
        "config_media_type": null, "layers_compressed_size": 0, "layers": null,
    });
    view(&server, &digest).is(200, expected);
}

#[test]
fn what_can_not_be_pulled_can_not_be_looked_at() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
    let foreign = server.push("admin/other", "v1", &Image::of("foreign"));
    let unknown = Image::of("unknown").digest();
    for digest in
        [foreign.as_str(), &unknown, "sha256:abc", "md5:00", "latest", "latest/labels", "sha256:xyz"]
    {
        view(&server, digest).is_problem(&server.url, 404, "not_found", "Not Found");
    }
    assert_eq!(server.by_admin("DELETE", &path(REPOSITORY, &digest)).send().status, 405);
    let head = server.by_admin("HEAD", &path(REPOSITORY, &digest)).send();
    assert_eq!((head.status, head.body.len()), (200, 0));
    let token = server.push_token(REPOSITORY);
    server.v2(&token, "DELETE", REPOSITORY, &format!("manifests/{digest}")).send().is_empty(202);
    view(&server, &digest).is_problem(&server.url, 404, "not_found", "Not Found");
}

#[test]
fn whoever_may_read_may_look() {
    let server = Server::start(Engine::Sqlite);
    for user in ["alice", "stranger", "reader"] {
        server.add_user(user);
    }
    let image = Image::of("one");
    for (repository, visibility) in [("alice/private", "private"), ("alice/public", "public")] {
        server.create_repository_by(&server.token("alice", "repo:create"), repository, visibility);
        server.push(repository, "v1", &image);
        server.give_role(repository, "reader", "read");
    }
    let token = |user: &str, scopes: &str| Some(server.token(user, scopes));
    for (name, token, private, missing) in [
        ("nobody", None, 401, 401),
        ("a bad token", Some("x".repeat(40)), 401, 401),
        ("stranger", token("stranger", EVERY_SCOPE), 403, 403),
        ("org:admin", token("alice", "org:admin"), 403, 403),
        ("reader", token("reader", "repo:read"), 200, 403),
        ("alice", token("alice", EVERY_SCOPE), 200, 404),
        ("super:user", token("admin", "super:user"), 200, 404),
    ] {
        for (repository, status) in
            [("alice/private", private), ("alice/public", 200), ("alice/missing", missing)]
        {
            let call = server.call("GET", &path(repository, &image.digest()));
            let answer = token.iter().fold(call, |call, token| call.bearer(token)).send();
            assert_eq!(answer.status, status, "{name}: {repository}: {answer:?}");
        }
    }
}
