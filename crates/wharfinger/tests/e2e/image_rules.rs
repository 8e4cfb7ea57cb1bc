//! What images ask for the tags that point at them: expiration and immutability, by labels and annotations.

use serde_json::{Value, json};
use wharfinger_model::Digest;

use crate::support::{INDEX, Image, MANIFEST, Server, each_engine, now_s};

const REPOSITORY: &str = "admin/app";
const EXPIRES: &str = "quay.expires-after";
const IMMUTABLE: &str = "quay.immutable";

/// An image whose config has these labels, and whose manifest has these annotations.
fn image(labels: &Value, annotations: &Value) -> Image {
    let config = json!({"architecture": "amd64", "os": "linux", "config": {"Labels": labels}});
    with_config("application/vnd.oci.image.config.v1+json", &config, annotations)
}

fn with_config(config_type: &str, config: &Value, annotations: &Value) -> Image {
    let (config, layer) = (config.to_string().into_bytes(), b"a layer".to_vec());
    let describe = |media_type: &str, blob: &[u8]| json!({"mediaType": media_type, "digest": Digest::sha256(blob), "size": blob.len()});
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": describe(config_type, &config),
        "layers": [describe("application/vnd.oci.image.layer.v1.tar", &layer)], "annotations": annotations,
    });
    Image { media_type: MANIFEST, manifest: manifest.to_string().into_bytes(), blobs: vec![config, layer] }
}

/// An index of images that were pushed before.
fn index(children: &[&Image], annotations: &Value) -> Image {
    let mut index = Image::index(children);
    let mut document: Value = serde_json::from_slice(&index.manifest).unwrap();
    document["annotations"] = annotations.clone();
    index.manifest = document.to_string().into_bytes();
    index
}

/// Whether the tag's newest lifetime ends so many seconds after its beginning, and whether it is immutable.
#[track_caller]
fn born(server: &Server, tag: &str) -> (Option<i64>, bool) {
    let newest = server.history(REPOSITORY, tag).swap_remove(0);
    let lasts = newest.get("end_ts").map(|end| end.as_i64().unwrap() - newest["start_ts"].as_i64().unwrap());
    (lasts, newest["immutable"] == true)
}

#[test]
fn an_image_says_how_long_its_tags_last_and_whether_they_may_change() {
    each_engine(|server| {
        let none = json!({});
        for (number, (labels, annotations, expected)) in [
            (json!({EXPIRES: "2h"}), none.clone(), (Some(7200), false)),
            (none.clone(), json!({EXPIRES: "1d"}), (Some(86_400), false)),
            // What is said last counts.
            (json!({EXPIRES: "2h"}), json!({EXPIRES: "1w"}), (Some(604_800), false)),
            (json!({IMMUTABLE: " True "}), none.clone(), (None, true)),
            (none.clone(), json!({IMMUTABLE: "true"}), (None, true)),
            // What can't be changed does not expire.
            (json!({EXPIRES: "2h", IMMUTABLE: "true"}), none.clone(), (None, true)),
            (json!({EXPIRES: "1g", IMMUTABLE: "yes"}), none.clone(), (None, false)),
            (json!({EXPIRES: "0s"}), none.clone(), (None, false)),
            (json!({EXPIRES: "-1h"}), none.clone(), (None, false)),
            (json!({EXPIRES: "1.5d"}), none.clone(), (None, false)),
            (json!({EXPIRES: "99999y"}), none.clone(), (None, false)),
        ]
        .into_iter()
        .enumerate()
        {
            let tag = format!("t{number}");
            server.push(REPOSITORY, &tag, &image(&labels, &annotations));
            assert_eq!(born(&server, &tag), expected, "{labels} {annotations}");
        }
    });
}

#[test]
fn artifacts_speak_by_annotations_and_broken_configs_not_at_all() {
    each_engine(|server| {
        let labels = json!({"config": {"Labels": {EXPIRES: "2h"}}});
        let artifact = with_config("application/vnd.example.config+json", &labels, &json!({EXPIRES: "1h"}));
        server.push(REPOSITORY, "artifact", &artifact);
        assert_eq!(born(&server, "artifact"), (Some(3600), false));
        let oci = "application/vnd.oci.image.config.v1+json";
        for (tag, config) in [
            ("labels", json!({"config": {"Labels": [EXPIRES]}})),
            ("numbers", json!({"config": {"Labels": {EXPIRES: 2}}})),
            ("text", json!("no object")),
            ("nothing", json!({"config": null})),
            ("nul", json!({"config": {"Labels": {"a\u{0}": "x", "b": "y\u{0}"}}})),
        ] {
            server.push(REPOSITORY, tag, &with_config(oci, &config, &json!({})));
            assert_eq!(born(&server, tag), (None, false), "{config}");
        }
    });
}

#[test]
fn every_lifetime_at_the_image_begins_anew_unless_it_is_asked_otherwise() {
    each_engine(|server| {
        let brief = image(&json!({EXPIRES: "2h"}), &json!({}));
        let digest = server.push(REPOSITORY, "brief", &brief);
        let plain = server.push(REPOSITORY, "plain", &Image::of("plain"));
        server.changes(REPOSITORY, "moved", &json!({"manifest_digest": digest}));
        assert_eq!(born(&server, "moved"), (Some(7200), false));
        assert_eq!(server.delete_tag(REPOSITORY, "moved").status, 204);
        assert_eq!(server.restore(REPOSITORY, "moved", &digest).status, 201);
        assert_eq!(born(&server, "moved"), (Some(7200), false));
        server.changes(REPOSITORY, "moved", &json!({"manifest_digest": plain}));
        assert_eq!(born(&server, "moved"), (None, false));

        let at = now_s() + 600;
        server.changes(REPOSITORY, "asked", &json!({"manifest_digest": digest, "expiration": at}));
        assert_eq!(server.history(REPOSITORY, "asked")[0]["end_ts"], at);
        server.changes(REPOSITORY, "never", &json!({"manifest_digest": digest, "expiration": null}));
        assert_eq!(born(&server, "never"), (None, false));
        server.changes(REPOSITORY, "fixed", &json!({"manifest_digest": digest, "immutable": true}));
        assert_eq!(born(&server, "fixed"), (None, true));
        server.changes(REPOSITORY, "brief", &json!({"expiration": null}));
        assert_eq!(born(&server, "brief"), (None, false));
    });
}

#[test]
fn an_index_asks_what_it_says_or_what_all_its_images_say_alike() {
    each_engine(|server| {
        let children: Vec<_> = [
            (json!({EXPIRES: "2h", IMMUTABLE: "true"}), "a"),
            (json!({EXPIRES: "2h"}), "b"),
            (json!({EXPIRES: "3h", IMMUTABLE: "true"}), "c"),
        ]
        .into_iter()
        .map(|(labels, name)| image(&labels, &json!({"name": name})))
        .collect();
        let token = server.push_token(REPOSITORY);
        for child in &children {
            server.push_with(&token, REPOSITORY, &child.digest(), child);
        }
        let [a, b, c] = &children[..] else { panic!("three") };
        for (tag, listed, annotations, expected) in [
            ("alike", vec![a, b], json!({}), (Some(7200), false)),
            ("unlike", vec![a, c], json!({}), (None, true)),
            ("own", vec![a, c], json!({EXPIRES: "1h", IMMUTABLE: "false"}), (None, true)),
            ("own-too", vec![b, c], json!({EXPIRES: "1h"}), (Some(3600), false)),
            ("empty", vec![], json!({}), (None, false)),
        ] {
            let index = index(&listed, &annotations);
            assert_eq!(index.media_type, INDEX);
            server.push_with(&token, REPOSITORY, tag, &index);
            assert_eq!(born(&server, tag), expected, "{tag}");
        }
        let inner = index(&[a, b], &json!({"inner": "1"}));
        server.push_with(&token, REPOSITORY, &inner.digest(), &inner);
        server.push_with(&token, REPOSITORY, "nested", &index(&[&inner, a], &json!({})));
        assert_eq!(born(&server, "nested"), (Some(7200), false));
    });
}

#[test]
fn what_an_image_asks_for_is_heard_among_any_other_labels() {
    each_engine(|server| {
        let mut many: serde_json::Map<_, _> =
            (0..1005).map(|number| (format!("a{number:04}"), json!("x"))).collect();
        many.insert(IMMUTABLE.into(), json!("true"));
        let many = image(&many.into(), &json!({}));
        let no_text = image(&json!({"a": 5, "b": null, EXPIRES: "2h"}), &json!({}));
        for (tag, image, expected) in
            [("many", many, (None, true)), ("no-text", no_text, (Some(7200), false))]
        {
            let digest = server.push(REPOSITORY, tag, &image);
            assert_eq!(born(&server, tag), expected, "{tag}");
            let path = format!("/api/v1/repository/{REPOSITORY}/manifest/{digest}/labels");
            let labels = server.by_admin("GET", &path).send().json()["labels"].as_array().unwrap().clone();
            let kept = |key: &str| labels.iter().any(|label| label["key"] == key);
            assert!(kept(if tag == "many" { IMMUTABLE } else { EXPIRES }), "{tag}");
            assert_eq!(labels.len(), if tag == "many" { 1000 } else { 1 });
        }
    });
}
