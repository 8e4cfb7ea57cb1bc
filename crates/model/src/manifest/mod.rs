//! Reading manifests: what a registry has to know of a document that it keeps byte for byte.

mod document;
pub mod media_type;
mod object;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::{Digest, json};
use document::Document;
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

impl Manifest {
    /// Reads a manifest that was sent as `content_type`, which is without parameters, or `None` if nothing telling
    /// was said; then the document's own `mediaType` counts, or its form.
    ///
    /// # Errors
    /// When the document is not exactly one of the forms, disagrees with `content_type`, or lacks a required member.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Self, InvalidManifest> {
        if json::depth(bytes) > MAX_DEPTH {
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
