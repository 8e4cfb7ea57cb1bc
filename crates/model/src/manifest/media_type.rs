//! Media types with a meaning of their own.

/// An OCI image or artifact.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// A Docker image, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// What blobs are served as.
pub const OCTET_STREAM: &str = "application/octet-stream";
/// A Docker image, schema 1: never taken.
pub(super) const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+json";

/// The types that are understood, or are known never to be taken.
const KNOWN: [&str; 5] = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, SCHEMA_1];

/// Longest media type, in bytes.
const MAX_LENGTH: usize = 255;

/// Whether a manifest may be of this type: any kind of JSON document (RFC 6838 sections 4.2 and 4.2.8) but schema 1. The
/// case of letters means nothing in a type, so one that is known must come as it is known: nobody else would understand it.
pub(super) fn is_taken(media_type: &str) -> bool {
    let parts = media_type.split_once('/').filter(|_| media_type.len() <= MAX_LENGTH);
    let is_json =
        parts.is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype) && subtype.ends_with("+json"));
    let known = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(media_type));
    is_json && known.is_none_or(|known| *known == media_type && media_type != SCHEMA_1)
}

fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_json_document_is_taken_but_schema_1() {
        for media_type in
            [OCI_MANIFEST, DOCKER_LIST, "application/vnd.oci.artifact.manifest.v1+json", "a/b+json"]
        {
            assert!(is_taken(media_type), "{media_type}");
        }
        let long = format!("application/{}+json", "a".repeat(MAX_LENGTH));
        let (shouted, schema_1) = (OCI_MANIFEST.replace('a', "A"), SCHEMA_1.replace('v', "V"));
        let prettyjws = "application/vnd.docker.distribution.manifest.v1+prettyjws";
        for media_type in [
            SCHEMA_1,
            prettyjws,
            OCTET_STREAM,
            "",
            "/",
            "a+json",
            "/a+json",
            "a/+json",
            "a/b c+json",
            &long,
            &shouted,
            &schema_1,
        ] {
            assert!(!is_taken(media_type), "{media_type}");
        }
    }
}
