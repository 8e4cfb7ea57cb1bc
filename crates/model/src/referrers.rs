//! Reading the index that older clients keep of what refers to a manifest (OCI distribution specification, "Referrers
//! Tag Schema").

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Digest;

/// What such an index says of one manifest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Which manifest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: i64,
    /// Its type, if the index tells.
    #[serde(default)]
    pub artifact_type: Option<String>,
    /// As the index has them.
    #[serde(default)]
    pub annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

/// What the index lists, each manifest once and as it stands there first. What is no index lists nothing.
pub fn listed(index: &[u8]) -> BTreeMap<Digest, Descriptor> {
    let index: Index = serde_json::from_slice(index).unwrap_or(Index { manifests: Vec::new() });
    let mut listed = BTreeMap::new();
    for mut descriptor in index.manifests {
        descriptor.artifact_type = descriptor.artifact_type.filter(|artifact_type| !artifact_type.is_empty());
        descriptor.annotations = descriptor.annotations.filter(|annotations| !annotations.is_empty());
        listed.entry(descriptor.digest.clone()).or_insert(descriptor);
    }
    listed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn each_manifest_is_listed_once_with_what_the_index_says_first() {
        let (one, two) = (Digest::sha256(b"1"), Digest::sha256(b"2"));
        let index = json!({"schemaVersion": 2, "manifests": [
            {"mediaType": "m", "digest": one, "size": 1, "artifactType": "t", "annotations": {"a": "b"}},
            {"mediaType": "m", "digest": one, "size": 1, "artifactType": "u"},
            {"mediaType": "m", "digest": two, "size": 2, "artifactType": "", "annotations": {}, "platform": {}},
        ]});
        let listed = listed(index.to_string().as_bytes());
        let known = |digest: &Digest| {
            let descriptor = &listed[digest];
            (descriptor.size, descriptor.artifact_type.clone(), descriptor.annotations.clone())
        };
        assert_eq!(listed.len(), 2);
        assert_eq!(known(&one), (1, Some("t".into()), Some([("a".into(), "b".into())].into())));
        assert_eq!(known(&two), (2, None, None));
    }

    #[test]
    fn what_is_no_index_lists_nothing() {
        for bytes in
            [&b""[..], b"{}", b"[]", b"{\"manifests\": 1}", b"{\"manifests\": [{\"digest\": \"x\"}]}"]
        {
            assert!(listed(bytes).is_empty());
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = listed(&bytes);
        }
    }
}
