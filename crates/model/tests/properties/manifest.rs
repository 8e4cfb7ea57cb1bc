//! A case is the type that a document was sent as, which may be empty, a line's end, and the document.

use std::fmt::Debug;

use serde_json::Value;
use wharfinger_model::Digest;
use wharfinger_model::json::depth;
use wharfinger_model::manifest::{Content, Manifest};

/// Deepest nesting of what is taken.
const MAX_DEPTH: usize = 64;

pub(crate) fn holds(case: &[u8]) {
    let end = case.iter().position(|byte| *byte == b'\n').unwrap_or(case.len());
    let (line, document) = (&case[..end], case.get(end + 1..).unwrap_or_default());
    let content_type = str::from_utf8(line).ok().filter(|line| !line.is_empty());
    for sent_as in [content_type, None] {
        let read = Manifest::parse(document, sent_as);
        assert_eq!(read, Manifest::parse(document, sent_as), "the same bytes say the same");
        if let Ok(manifest) = read {
            what_it_points_at_can_be_stored(&manifest);
            it_says_the_same_when_its_type_is_named(document, &manifest);
            it_is_an_object_and_its_layout_is_no_matter(document, &manifest);
        }
    }
}

fn what_it_points_at_can_be_stored(manifest: &Manifest) {
    let digests: Vec<&Digest> = match &manifest.content {
        Content::Image { blobs, layers_size, .. } => {
            assert!(*layers_size >= 0);
            blobs.iter().collect()
        }
        Content::Index(children) => {
            assert!(children.iter().all(|child| child.size >= 0));
            children.iter().map(|child| &child.digest).collect()
        }
    };
    for digest in digests.into_iter().chain(&manifest.subject) {
        assert_eq!(digest.as_str().parse().as_ref(), Ok(digest));
    }
    assert_ne!(manifest.artifact_type.as_deref(), Some(""));
}

fn it_says_the_same_when_its_type_is_named(document: &[u8], manifest: &Manifest) {
    assert_same(Manifest::parse(document, Some(&manifest.media_type)), manifest);
}

fn it_is_an_object_and_its_layout_is_no_matter(document: &[u8], manifest: &Manifest) {
    assert!(depth(document) <= MAX_DEPTH && str::from_utf8(document).is_ok());
    // A member without meaning may hold a number that is too large for a `Value`, or half a surrogate pair.
    let Ok(value) = serde_json::from_slice::<Value>(document) else { return };
    assert!(levels(&value) <= depth(document));
    let descriptors = ["config", "subject"].iter().filter_map(|member| value.get(member));
    let lists = ["layers", "manifests"].iter().filter_map(|member| value.get(member)?.as_array());
    assert!(value.is_object());
    assert!(descriptors.filter(|member| !member.is_null()).chain(lists.flatten()).all(Value::is_object));
    let anew = serde_json::to_vec_pretty(&value).expect("JSON");
    assert_same(Manifest::parse(&anew, Some(&manifest.media_type)), manifest);
}

/// How deep a document is nested.
fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

fn assert_same<E: Debug>(read: Result<Manifest, E>, manifest: &Manifest) {
    assert_eq!(read.as_ref().expect("a document that was taken is taken again"), manifest);
}
