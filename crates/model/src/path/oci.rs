//! Paths below `/v2/` (OCI distribution specification, "Endpoints").

use crate::{Digest, Reference, RepositoryName, TagName};

/// Where a request below `/v2/` goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// `/v2/`
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/<name>/tags/list`
    Tags(RepositoryName),
    /// `/v2/<name>/manifests/<reference>`
    Manifest(RepositoryName, Reference),
    /// `/v2/<name>/blobs/<digest>`
    Blob(RepositoryName, Digest),
    /// `/v2/<name>/blobs/uploads/`
    Uploads(RepositoryName),
    /// `/v2/<name>/blobs/uploads/<id>`; the id is checked by whoever looks the upload up.
    Upload(RepositoryName, String),
    /// `/v2/<name>/referrers/<digest>`
    Referrers(RepositoryName, Digest),
    /// `/v2/<name>/_oci/tag-history/<tag>`
    TagHistory(RepositoryName, TagName),
    /// `/v2/_oci/ext/discover`, or `/v2/<name>/_oci/ext/discover`
    Extensions(Option<RepositoryName>),
}

impl Path {
    /// What [`template`](Self::template) can be.
    pub const TEMPLATES: [&str; 11] = [
        "/v2/",
        "/v2/_catalog",
        "/v2/_oci/ext/discover",
        "/v2/{name}/_oci/ext/discover",
        "/v2/{name}/_oci/tag-history/{tag}",
        "/v2/{name}/blobs/uploads/",
        "/v2/{name}/blobs/uploads/{id}",
        "/v2/{name}/blobs/{digest}",
        "/v2/{name}/manifests/{reference}",
        "/v2/{name}/referrers/{digest}",
        "/v2/{name}/tags/list",
    ];

    /// The endpoint's path with its parameters in braces: one of a closed set.
    pub fn template(&self) -> &'static str {
        match self {
            Self::Base => "/v2/",
            Self::Catalog => "/v2/_catalog",
            Self::Tags(_) => "/v2/{name}/tags/list",
            Self::Manifest(..) => "/v2/{name}/manifests/{reference}",
            Self::Blob(..) => "/v2/{name}/blobs/{digest}",
            Self::Uploads(_) => "/v2/{name}/blobs/uploads/",
            Self::Upload(..) => "/v2/{name}/blobs/uploads/{id}",
            Self::Referrers(..) => "/v2/{name}/referrers/{digest}",
            Self::TagHistory(..) => "/v2/{name}/_oci/tag-history/{tag}",
            Self::Extensions(None) => "/v2/_oci/ext/discover",
            Self::Extensions(Some(_)) => "/v2/{name}/_oci/ext/discover",
        }
    }
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// No endpoint has this form.
    #[error("no such endpoint")]
    Unknown,
    /// The repository's name is none.
    #[error("invalid repository name: {0}")]
    Name(String),
    /// What should be a digest is none.
    #[error("invalid digest: {0}")]
    Digest(String),
    /// What should be a tag is none.
    #[error("invalid tag: {0}")]
    Tag(String),
    /// What should be the tag of a manifest is none.
    #[error("invalid tag: {0}")]
    ManifestTag(String),
}

/// Reads what follows `/v2/` in a request's raw path.
///
/// # Errors
/// When it has no endpoint's form, or a name, tag or digest in it is not valid.
pub fn parse(raw: &str) -> Result<Path, InvalidPath> {
    let segments = super::segments(raw).ok_or(InvalidPath::Unknown)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        [] | [""] => Ok(Path::Base),
        ["_catalog"] => Ok(Path::Catalog),
        ["_oci", "ext", "discover"] => Ok(Path::Extensions(None)),
        [repository @ .., "_oci", "ext", "discover"] => Ok(Path::Extensions(Some(name(repository)?))),
        [repository @ .., "_oci", "tag-history", text] => {
            let repository = name(repository)?;
            let tag = text.parse().map_err(|_| InvalidPath::Tag((*text).to_owned()))?;
            Ok(Path::TagHistory(repository, tag))
        }
        [repository @ .., "tags", "list"] => Ok(Path::Tags(name(repository)?)),
        [repository @ .., "blobs", "uploads"] | [repository @ .., "blobs", "uploads", ""] => {
            Ok(Path::Uploads(name(repository)?))
        }
        [repository @ .., "blobs", "uploads", id] => Ok(Path::Upload(name(repository)?, (*id).to_owned())),
        [repository @ .., "manifests", text] => {
            let repository = name(repository)?;
            let reference = text.parse().map_err(|error| match error {
                crate::InvalidReference::Tag(_) => InvalidPath::ManifestTag((*text).to_owned()),
                crate::InvalidReference::Digest(_) => InvalidPath::Digest((*text).to_owned()),
            })?;
            Ok(Path::Manifest(repository, reference))
        }
        [repository @ .., "blobs", text] => Ok(Path::Blob(name(repository)?, digest(text)?)),
        [repository @ .., "referrers", text] => Ok(Path::Referrers(name(repository)?, digest(text)?)),
        _ => Err(InvalidPath::Unknown),
    }
}

fn name(segments: &[&str]) -> Result<RepositoryName, InvalidPath> {
    let text = segments.join("/");
    if text.is_empty() {
        Err(InvalidPath::Unknown)
    } else {
        text.parse().map_err(|_| InvalidPath::Name(text))
    }
}

fn digest(text: &str) -> Result<Digest, InvalidPath> {
    text.parse().map_err(|_| InvalidPath::Digest(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(text: &str) -> RepositoryName {
        text.parse().expect("a repository")
    }

    #[test]
    fn the_last_literal_segments_decide() {
        let sha = Digest::sha256(b"");
        for (raw, path) in [
            ("", Path::Base),
            ("_catalog", Path::Catalog),
            ("a/tags/list/tags/list", Path::Tags(repository("a/tags/list"))),
            ("a/b/blobs/uploads/", Path::Uploads(repository("a/b"))),
            ("a/b/blobs/uploads", Path::Uploads(repository("a/b"))),
            ("a/b/blobs/uploads/x", Path::Upload(repository("a/b"), "x".into())),
            (&format!("a/blobs/blobs/{sha}"), Path::Blob(repository("a/blobs"), sha.clone())),
            (&format!("a%2Fb/manifests/sha256%3A{}", sha.hex()), {
                Path::Manifest(repository("a/b"), Reference::Digest(sha.clone()))
            }),
            ("_oci/ext/discover", Path::Extensions(None)),
            ("a/b/_oci/ext/discover", Path::Extensions(Some(repository("a/b")))),
            ("a/b/_oci/tag-history/v1", Path::TagHistory(repository("a/b"), "v1".parse().expect("a tag"))),
            (
                &format!("busybox/referrers/{sha}"),
                Path::Referrers(repository("library/busybox"), sha.clone()),
            ),
        ] {
            assert_eq!(parse(raw), Ok(path), "{raw}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(parse("a/b/manifests/-x"), Err(InvalidPath::ManifestTag("-x".into())));
        assert_eq!(parse("a/b/_oci/tag-history/-x"), Err(InvalidPath::Tag("-x".into())));
        assert_eq!(parse("_oci/tag-history/x"), Err(InvalidPath::Unknown));
        assert_eq!(parse("a/b/blobs/sha256:no"), Err(InvalidPath::Digest("sha256:no".into())));
        assert_eq!(parse("a/../manifests/x"), Err(InvalidPath::Name("a/..".into())));
        assert_eq!(parse("a/%252e%252e/manifests/x"), Err(InvalidPath::Name("a/%2e%2e".into())));
        assert_eq!(parse("manifests/x"), Err(InvalidPath::Unknown));
        assert_eq!(parse("a/b/manifests/%ff"), Err(InvalidPath::Unknown));
    }
}
