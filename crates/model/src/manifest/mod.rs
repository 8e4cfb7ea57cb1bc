//! Reading manifests: what a registry has to know of a document that it keeps byte for byte.

pub mod media_type;
mod object;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Digest;
use object::Object;

/// Deepest nesting of a manifest's JSON.
const MAX_DEPTH: usize = 64;

/// The forms of manifest that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A config and layers.
    Image,
    /// A list of other manifests.
    Index,
}

impl Form {
    /// The form that a media type stands for; `None` if it stands for none that is understood.
    pub fn of(media_type: &str) -> Option<Self> {
        match media_type {
            media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST => Some(Self::Image),
            media_type::OCI_INDEX | media_type::DOCKER_LIST => Some(Self::Index),
            _ => None,
        }
    }
}

/// What a manifest says, as far as the registry cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The type it is stored and served as.
    pub media_type: String,
    /// What it points at.
    pub content: Content,
    /// The manifest that this one belongs to, stored or not.
    pub subject: Option<Digest>,
    /// As declared; an image without one is known by its config's media type.
    pub artifact_type: Option<String>,
    /// As declared.
    pub annotations: BTreeMap<String, String>,
}

/// The two forms and what each points at. A document of a type that is not understood has the form that its members
/// show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A config and layers.
    Image {
        /// Media type of the config; only a document whose type is not understood may have none.
        config_media_type: Option<String>,
        /// Every blob that must be stored, the config first. Foreign layers are not among them.
        blobs: Vec<Digest>,
        /// Sum of all layer sizes in bytes, repeated and foreign ones included.
        layers_size: i64,
    },
    /// The manifests an index lists, in its order.
    Index(Vec<Child>),
}

/// An entry of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Which manifest.
    pub digest: Digest,
    /// Its size in bytes, as the index has it.
    pub size: i64,
}

/// Why a document is not taken as a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidManifest {
    /// Its type is no kind of JSON document, or is Docker's schema 1.
    #[error(
        "manifests of type `{0}` are not supported; push an OCI or Docker schema 2 image, an index of them, or \
         another document of a type that ends in `+json`"
    )]
    UnsupportedType(String),
    /// It is no JSON document, or misses something.
    #[error("{0}")]
    Malformed(String),
}

impl InvalidManifest {
    fn new(reason: impl Into<String>) -> Self {
        Self::Malformed(reason.into())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<i64>,
    media_type: Option<String>,
    config: Option<Object<Descriptor>>,
    layers: Option<Vec<Object<Descriptor>>>,
    /// Where a document of a type that is not understood may list what it holds, as artifact manifests once did.
    blobs: Option<serde_json::Value>,
    manifests: Option<Vec<Object<Descriptor>>>,
    #[serde(rename = "fsLayers")]
    fs_layers: Option<serde::de::IgnoredAny>,
    subject: Option<Object<Descriptor>>,
    artifact_type: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: Digest,
    size: i64,
}

impl Descriptor {
    /// Layers that stay where their `urls` point and are never pushed.
    fn is_foreign(&self) -> bool {
        self.media_type.starts_with("application/vnd.oci.image.layer.nondistributable.")
            || self.media_type.starts_with("application/vnd.docker.image.rootfs.foreign.")
    }
}

impl Manifest {
    /// Reads a manifest that was sent as `content_type`, which is without parameters, or `None` if nothing telling
    /// was said; then the document's own `mediaType` counts, or its form.
    ///
    /// # Errors
    /// When the document is not exactly one of the forms, disagrees with `content_type`, or lacks a required member.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Self, InvalidManifest> {
        if depth(bytes) > MAX_DEPTH {
            return Err(InvalidManifest::new(format!(
                "the document is nested deeper than {MAX_DEPTH} levels"
            )));
        }
        // In members that are passed over the parser would let anything be.
        let text = str::from_utf8(bytes)
            .map_err(|error| InvalidManifest::new(format!("not a manifest: {error}")))?;
        let Object(document): Object<Document> = serde_json::from_str(text)
            .map_err(|error| InvalidManifest::new(format!("not a manifest: {error}")))?;
        let media_type = document.media_type(content_type)?;
        document.into_manifest(media_type)
    }

    /// How the manifest is listed among the referrers of its subject: its own type, or an image's config type
    /// (OCI distribution specification, "Listing Referrers").
    pub fn referrer_type(&self) -> Option<&str> {
        match (&self.artifact_type, &self.content) {
            (Some(declared), _) => Some(declared),
            (None, Content::Image { config_media_type, .. }) => config_media_type.as_deref(),
            (None, Content::Index(_)) => None,
        }
    }
}

impl Document {
    fn media_type(&self, content_type: Option<&str>) -> Result<String, InvalidManifest> {
        let own = self.media_type.as_deref();
        let media_type = content_type.or(own).unwrap_or_else(|| self.usual_media_type());
        if !media_type::is_taken(media_type) {
            return Err(InvalidManifest::UnsupportedType(media_type.to_owned()));
        }
        match own {
            Some(own) if own != media_type => Err(InvalidManifest::new(format!(
                "its mediaType is `{own}`, but it was sent as `{media_type}`"
            ))),
            _ => Ok(media_type.to_owned()),
        }
    }

    /// What a document is that nobody named a type for.
    fn usual_media_type(&self) -> &'static str {
        if self.fs_layers.is_some() {
            media_type::SCHEMA_1
        } else if self.manifests.is_some() {
            media_type::OCI_INDEX
        } else {
            media_type::OCI_MANIFEST
        }
    }

    fn into_manifest(self, media_type: String) -> Result<Manifest, InvalidManifest> {
        let form = Form::of(&media_type);
        if form.is_some() && self.schema_version != Some(2) {
            return Err(InvalidManifest::new("`schemaVersion` must be 2"));
        }
        if self.manifests.is_some() && (self.config.is_some() || self.layers.is_some()) {
            return Err(InvalidManifest::new("it is an image and an index at once"));
        }
        let required = |member| InvalidManifest::new(format!("'{member}' is a required property"));
        let content = match (form, self.config, self.layers, self.manifests) {
            (Some(Form::Image), Some(config), Some(layers), _) => image(Some(&config), &layers)?,
            (Some(Form::Image), None, ..) => return Err(required("config")),
            (Some(Form::Image), ..) => return Err(required("layers")),
            (Some(Form::Index), _, _, None) => return Err(required("manifests")),
            (_, _, _, Some(manifests)) => index(manifests)?,
            (None, config, layers, None) => {
                let mut held = layers.unwrap_or_default();
                held.extend(blobs(self.blobs)?);
                image(config.as_ref(), &held)?
            }
        };
        Ok(Manifest {
            media_type,
            content,
            subject: self.subject.map(|Object(subject)| subject.digest),
            artifact_type: self.artifact_type.filter(|artifact_type| !artifact_type.is_empty()),
            annotations: self.annotations.unwrap_or_default(),
        })
    }
}

fn blobs(member: Option<serde_json::Value>) -> Result<Vec<Object<Descriptor>>, InvalidManifest> {
    let blobs = member.map(serde_json::from_value).transpose();
    blobs.map(Option::unwrap_or_default).map_err(|error| InvalidManifest::new(format!("blobs: {error}")))
}

fn image(
    config: Option<&Object<Descriptor>>,
    layers: &[Object<Descriptor>],
) -> Result<Content, InvalidManifest> {
    if config.is_some_and(|config| config.size < 0) {
        return Err(InvalidManifest::new("the config's size is negative"));
    }
    let mut layers_size: i64 = 0;
    for layer in layers {
        if layer.size < 0 {
            return Err(InvalidManifest::new("a layer's size is negative"));
        }
        layers_size = layers_size
            .checked_add(layer.size)
            .ok_or_else(|| InvalidManifest::new("the layers' sizes add up to more than a number can hold"))?;
    }
    let stored = layers.iter().filter(|layer| !layer.is_foreign());
    Ok(Content::Image {
        config_media_type: config.map(|config| config.media_type.clone()),
        blobs: config.into_iter().chain(stored).map(|descriptor| descriptor.digest.clone()).collect(),
        layers_size,
    })
}

fn index(manifests: Vec<Object<Descriptor>>) -> Result<Content, InvalidManifest> {
    if manifests.iter().any(|child| child.size < 0) {
        return Err(InvalidManifest::new("a manifest's size is negative"));
    }
    let children =
        manifests.into_iter().map(|Object(child)| Child { digest: child.digest, size: child.size });
    Ok(Content::Index(children.collect()))
}

/// The deepest nesting of brackets outside strings: known before anything is built from the text.
pub fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match (byte, in_string) {
            _ if escaped => escaped = false,
            (b'\\', true) => escaped = true,
            (b'"', _) => in_string = !in_string,
            (b'{' | b'[', false) => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (b'}' | b']', false) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        assert_eq!(
            (manifest.media_type.as_str(), manifest.referrer_type()),
            (media_type, Some("application/x"))
        );
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
        let mut bytes =
            image_document().to_string().replace("{\"schema", "{\"x\":\"-\",\"schema").into_bytes();
        assert!(Manifest::parse(&bytes, None).is_ok());
        bytes[6] = 0xff;
        assert!(matches!(Manifest::parse(&bytes, None), Err(InvalidManifest::Malformed(_))));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(matches!(Manifest::parse(deep.as_bytes(), None), Err(InvalidManifest::Malformed(_))));
        assert_eq!(depth(br#"{"a[[[\"[": [1]}"#), 2);
    }
}
