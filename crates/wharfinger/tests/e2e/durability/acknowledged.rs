//! What one worker was promised, and what it can't know.

use std::collections::BTreeMap;

use crate::support::Image;

/// Where a tag of a worker's own stands: `None` while it is dead.
pub(super) type Standing = Option<String>;

/// A tag that nobody else touches.
#[derive(Debug, Default)]
pub(super) struct OwnTag {
    pub(super) name: String,
    /// Every digest that it was pointed at, in order.
    pub(super) history: Vec<String>,
    pub(super) standing: Standing,
    /// What was asked last and not answered.
    pub(super) in_flight: Option<Change>,
}

/// A change of a tag.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Point(String),
    Delete,
}

impl OwnTag {
    /// The change was acknowledged.
    pub(super) fn settle(&mut self, change: Change) {
        self.in_flight = None;
        self.standing = match change {
            Change::Point(digest) => {
                self.history.push(digest.clone());
                Some(digest)
            }
            Change::Delete => None,
        };
    }
}

/// An upload in parts that was not finished.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) location: String,
    pub(super) blob: Vec<u8>,
    /// The bytes that were acknowledged.
    pub(super) offset: usize,
}

/// Everything that one worker remembers.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Acknowledged blobs, by digest.
    pub(super) blobs: BTreeMap<String, Vec<u8>>,
    /// Acknowledged manifests, by digest.
    pub(super) manifests: BTreeMap<String, Vec<u8>>,
    /// What was sent, acknowledged or not.
    pub(super) sent: Vec<Image>,
    pub(super) tag: OwnTag,
    /// Digests that the shared tag was pointed at, as acknowledged.
    pub(super) shared: Vec<String>,
    pub(super) upload: Option<Upload>,
}
