//! A case is a text that is read as everything that a path can hold, and as a path of both APIs.

use std::fmt::Display;
use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use wharfinger_model::path::quay::Resource;
use wharfinger_model::path::{oci, quay};
use wharfinger_model::{Digest, Namespace, Reference, RepositoryName, TagName};

pub(crate) fn holds(case: &[u8]) {
    let Ok(text) = str::from_utf8(case) else { return };
    let text = text.strip_suffix('\n').unwrap_or(text);
    let tag = prints_as_itself::<TagName>(text);
    let digest = prints_as_itself::<Digest>(text);
    let reference = prints_as_itself::<Reference>(text);
    assert_eq!(reference, tag.map(Reference::Tag).or(digest.clone().map(Reference::Digest)));
    prints_as_itself::<Namespace>(text);
    if let Some(digest) = digest {
        assert_eq!(text, format!("{}:{}", digest.algorithm().as_str(), digest.hex()));
        assert_eq!(digest.hex().len(), digest.algorithm().hex_len());
    }
    if let Ok(name) = text.parse() {
        a_repository_is_where_its_name_says(text, &name);
    }
    if let Ok(path) = oci::parse(text) {
        assert_eq!(oci::parse(&of_the_distribution_api(&path)), Ok(path));
    }
    if let Some(path) = quay::parse(text) {
        let segments: Vec<_> = path.repository.split('/').collect();
        assert!(segments.len() >= 2 && segments.iter().all(|segment| !segment.is_empty()), "{path:?}");
        assert_eq!(quay::parse(&of_quays_api(&path)), Some(path));
    }
}

fn prints_as_itself<T: FromStr + Display>(text: &str) -> Option<T> {
    let value = text.parse::<T>().ok()?;
    assert_eq!(value.to_string(), text);
    Some(value)
}

fn a_repository_is_where_its_name_says(text: &str, name: &RepositoryName) {
    assert_eq!(name.as_str(), if text.contains('/') { text.to_owned() } else { format!("library/{text}") });
    assert_eq!(name.as_str().parse().as_ref(), Ok(name));
    assert_eq!(RepositoryName::new(name.namespace(), name.name()).as_ref(), Ok(name));
    assert!(name.as_str().len() <= 255 && !name.as_str().contains(".."));
}

/// A path below `/v2/`, as the registry writes it into `Location` and `Link`.
fn of_the_distribution_api(path: &oci::Path) -> String {
    use oci::Path;
    match path {
        Path::Base => String::new(),
        Path::Catalog => "_catalog".to_owned(),
        Path::Tags(name) => format!("{name}/tags/list"),
        Path::Manifest(name, reference) => format!("{name}/manifests/{reference}"),
        Path::Blob(name, digest) => format!("{name}/blobs/{digest}"),
        Path::Uploads(name) => format!("{name}/blobs/uploads/"),
        Path::Upload(name, id) => format!("{name}/blobs/uploads/{}", segment(id)),
        Path::Referrers(name, digest) => format!("{name}/referrers/{digest}"),
        Path::TagHistory(name, tag) => format!("{name}/_oci/tag-history/{tag}"),
        Path::Extensions(None) => "_oci/ext/discover".to_owned(),
        Path::Extensions(Some(name)) => format!("{name}/_oci/ext/discover"),
    }
}

/// A path below `/api/v1/repository/`. The repository is one segment: it may end like a resource.
fn of_quays_api(path: &quay::Path) -> String {
    let repository = segment(&path.repository);
    match &path.resource {
        Resource::Repository => repository,
        Resource::Visibility => format!("{repository}/changevisibility"),
        Resource::Tags => format!("{repository}/tag/"),
        Resource::Tag(tag) => format!("{repository}/tag/{}", segment(tag)),
        Resource::TagRestore(tag) => format!("{repository}/tag/{}/restore", segment(tag)),
        Resource::TagPulls(tag) => format!("{repository}/tag/{}/pull_statistics", segment(tag)),
        Resource::ManifestPulls(digest) => {
            format!("{repository}/manifest/{}/pull_statistics", segment(digest))
        }
        Resource::UserPermissions => format!("{repository}/permissions/user/"),
        Resource::UserPermission(name) => format!("{repository}/permissions/user/{}", segment(name)),
        Resource::ImmutabilityPolicies => format!("{repository}/immutabilitypolicy/"),
        Resource::ImmutabilityPolicy(uuid) => format!("{repository}/immutabilitypolicy/{}", segment(uuid)),
        Resource::TagExpire(tag) => format!("{repository}/tag/{}/expire", segment(tag)),
        Resource::Manifest(digest) => format!("{repository}/manifest/{}", segment(digest)),
        Resource::Labels(digest) => format!("{repository}/manifest/{}/labels", segment(digest)),
        Resource::Label(digest, id) => {
            format!("{repository}/manifest/{}/labels/{}", segment(digest), segment(id))
        }
        Resource::Logs => format!("{repository}/logs"),
        Resource::LogTotals => format!("{repository}/aggregatelogs"),
        Resource::PrunePolicies => format!("{repository}/autoprunepolicy/"),
        Resource::PrunePolicy(uuid) => format!("{repository}/autoprunepolicy/{}", segment(uuid)),
        Resource::PrunePreview => format!("{repository}/autoprunepolicy/preview"),
        Resource::MissingSlash => format!("{repository}/tag"),
    }
}

fn segment(text: &str) -> String {
    let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    assert_eq!(percent_decode_str(&encoded).decode_utf8().as_deref(), Ok(text));
    encoded
}
