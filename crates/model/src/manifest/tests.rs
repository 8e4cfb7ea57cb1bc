use serde_json::json;

use super::*;

fn descriptor(media_type: &str, size: i64) -> serde_json::Value {
    json!({"mediaType": media_type, "digest": Digest::sha256(media_type.as_bytes()), "size": size})
}

fn image_document() -> serde_json::Value {
    json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", 7),
        "layers": [
            descriptor("application/vnd.oci.image.layer.v1.tar+gzip", 10),
            descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar", 5),
            descriptor("application/vnd.oci.image.layer.v1.tar+gzip", 10),
        ],
    })
}

fn parse(document: &serde_json::Value, content_type: Option<&str>) -> Result<Manifest, InvalidManifest> {
    Manifest::parse(document.to_string().as_bytes(), content_type)
}

#[test]
fn an_images_size_counts_every_layer_and_its_blobs_leave_foreign_layers_out() {
    let manifest = parse(&image_document(), None).expect("an image");
    let Content::Image { blobs, layers_size, .. } = &manifest.content else { panic!("no image") };
    assert_eq!((blobs.len(), *layers_size), (3, 25));
    assert_eq!(manifest.referrer_type(), Some("application/vnd.oci.image.config.v1+json"));
}

#[test]
fn a_document_must_be_what_it_was_sent_as_and_one_thing_only() {
    assert!(parse(&image_document(), Some(media_type::OCI_MANIFEST)).is_ok());
    assert!(parse(&image_document(), Some(media_type::DOCKER_MANIFEST)).is_err());
    let mut both = image_document();
    both["manifests"] = json!([]);
    assert_eq!(parse(&both, None), Err(InvalidManifest::new("it is an image and an index at once")));
}

#[test]
fn the_form_counts_when_nothing_names_a_type() {
    let index = json!({"schemaVersion": 2, "manifests": [descriptor(media_type::OCI_MANIFEST, 3)]});
    assert_eq!(parse(&index, None).expect("an index").media_type, media_type::OCI_INDEX);
}

#[test]
fn schema_1_and_what_is_no_json_document_are_unsupported() {
    let schema1 = json!({"schemaVersion": 1, "fsLayers": [], "history": []});
    for (document, sent) in [(&schema1, None), (&image_document(), Some("application/octet-stream"))] {
        assert!(matches!(parse(document, sent), Err(InvalidManifest::UnsupportedType(_))));
    }
}

#[test]
fn a_document_of_another_type_holds_what_its_members_name() {
    let media_type = "application/vnd.oci.artifact.manifest.v1+json";
    let artifact = json!({
        "mediaType": media_type, "artifactType": "application/x", "blobs": [descriptor("a/b", 3)],
        "subject": descriptor(media_type::OCI_MANIFEST, 9), "other": {"manifests": 7},
    });
    let manifest = parse(&artifact, None).expect("an artifact");
    assert_eq!((manifest.media_type.as_str(), manifest.referrer_type()), (media_type, Some("application/x")));
    let Content::Image { blobs, config_media_type: None, layers_size: 3 } = manifest.content else {
        panic!("{:?}", manifest.content)
    };
    assert_eq!(blobs, [Digest::sha256(b"a/b")]);
    let list = json!({"manifests": [descriptor(media_type::OCI_MANIFEST, 3)]});
    assert!(matches!(parse(&list, Some("a/b+json")).expect("a list").content, Content::Index(_)));
    assert!(parse(&json!({"blobs": 1}), Some("a/b+json")).is_err());
    assert!(parse(&json!({}), Some("a/b+json")).is_ok());
}

#[test]
fn a_member_that_only_other_documents_have_may_be_anything_in_an_image() {
    let mut image = image_document();
    image["blobs"] = json!("custom");
    assert!(parse(&image, None).is_ok());
}

#[test]
fn wrong_members_are_refused() {
    for (member, value) in [
        ("schemaVersion", json!(1)),
        ("config", json!(null)),
        ("layers", json!(null)),
        ("layers", json!([descriptor("a", -1)])),
        ("layers", json!([descriptor("a", i64::MAX), descriptor("b", 1)])),
        ("config", json!({"mediaType": "a", "digest": "sha256:no", "size": 1})),
        ("annotations", json!({"a": 1})),
        ("subject", json!("x")),
    ] {
        let mut document = image_document();
        document[member] = value;
        assert!(matches!(parse(&document, None), Err(InvalidManifest::Malformed(_))), "{document}");
    }
}

#[test]
fn members_are_known_by_name_never_by_their_place() {
    let document = json!([2, null, descriptor("a", 1), [], null, null, null, null, null, null]);
    assert!(matches!(parse(&document, None), Err(InvalidManifest::Malformed(_))));
    let by_place = json!(["a", Digest::sha256(b"a"), 1]);
    for member in ["config", "subject"] {
        let document = json!({member: by_place});
        assert!(parse(&document, Some("a/b+json")).is_err(), "{document}");
    }
    for member in ["layers", "blobs", "manifests"] {
        let document = json!({member: [by_place]});
        assert!(parse(&document, Some("a/b+json")).is_err(), "{document}");
    }
}

#[test]
fn a_document_is_utf_8_also_where_nobody_looks() {
    let mut bytes = image_document().to_string().replace("{\"schema", "{\"x\":\"-\",\"schema").into_bytes();
    assert!(Manifest::parse(&bytes, None).is_ok());
    bytes[6] = 0xff;
    assert!(matches!(Manifest::parse(&bytes, None), Err(InvalidManifest::Malformed(_))));
}

#[test]
fn nesting_is_bounded() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(Manifest::parse(deep.as_bytes(), None), Err(InvalidManifest::Malformed(_))));
}
