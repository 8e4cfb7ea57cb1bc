//! What is asked of tags: which change, through which door, in whose name and when.

use wharfinger_model::tag::Change;
use wharfinger_model::{Digest, TagName, Timestamp};
use wharfinger_store::ManifestId;

use crate::access::{Caller, Granted};

/// A change that is asked of one tag, and for what.
#[derive(Debug, Clone)]
pub(crate) struct TagChange {
    /// Which tag.
    pub(crate) name: TagName,
    /// What shall happen.
    pub(crate) change: Change<ManifestId>,
    /// Through which door it came: this is what the audit log says.
    pub(crate) cause: Cause,
}

/// The doors through which tags are changed.
#[derive(Debug, Clone)]
pub(crate) enum Cause {
    /// An image was pushed under this name.
    Push {
        /// Of the image.
        digest: Digest,
        /// Of the image.
        media_type: String,
    },
    /// Somebody moved, created or amended it.
    Update {
        /// Where it shall point from now on, if that was said.
        digest: Option<Digest>,
    },
    /// Somebody brought an image back.
    Restore {
        /// Of the image.
        digest: Digest,
    },
    /// Somebody deleted it.
    Delete,
    /// A policy that was laid down while it lived; the log has one entry for all that are made immutable in one unit of work.
    Policy,
    /// Somebody purged what it pointed at.
    Purge {
        /// The manifest, unless it is the one that it points at.
        digest: Option<Digest>,
    },
    /// Somebody deleted the manifest that it pointed at.
    DeleteManifest {
        /// Of the manifest.
        digest: Digest,
    },
    /// An auto-prune policy had it deleted.
    Prune {
        /// The name of the policy.
        policy: String,
        /// Why, as a stable word.
        reason: &'static str,
    },
}

/// In whose name and when tags are changed.
#[derive(Debug)]
pub(crate) struct Context<'a, L> {
    /// Proof that the caller may change the repository.
    pub(crate) granted: &'a Granted<L>,
    /// Whoever asks.
    pub(crate) caller: &'a Caller,
    /// The present instant.
    pub(crate) now: Timestamp,
}

// Derived, they would ask the same of `L`.
impl<L> Copy for Context<'_, L> {}
impl<L> Clone for Context<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}
