//! What the audit log tells of a change of a tag.

use serde_json::{Value, json};
use wharfinger_model::tag::{Amendment, Change, Expiration, Lifetime, Protection};
use wharfinger_model::{Digest, Timestamp};
use wharfinger_store::{ManifestId, Tx};

use super::asked::{Cause, Context, TagChange};
use crate::Result;
use crate::audit::{self, Subject};

/// What a tag was before the change.
pub(super) struct Before {
    pub(super) digest: Digest,
    pub(super) lifetime: Lifetime<ManifestId>,
}

/// Leaves the audit entries of a change that was made.
pub(super) fn record<L>(
    tx: &mut Tx<'_>,
    context: Context<'_, L>,
    change: &TagChange,
    before: Option<&Before>,
) -> Result<()> {
    let repository = &context.granted.name;
    for (kind, mut metadata) in entries(change, before) {
        metadata["repo"] = json!(repository.name());
        metadata["namespace"] = json!(repository.namespace());
        metadata["tag"] = json!(change.name.as_str());
        audit::write(tx, context.caller, Subject::repository(context.granted), kind, metadata, context.now)?;
    }
    Ok(())
}

/// The kinds of the entries, and what they tell beside the names.
fn entries(change: &TagChange, before: Option<&Before>) -> Vec<(&'static str, Value)> {
    let old = before.map(|before| before.digest.as_str());
    let entry = match &change.cause {
        Cause::Policy => return Vec::new(),
        Cause::Update { digest } => {
            let kind = if before.is_some() { "move_tag" } else { "create_tag" };
            let pointed = digest
                .as_ref()
                .map(|digest| (kind, json!({"manifest_digest": digest, "original_manifest_digest": old})));
            return pointed.into_iter().chain(amendments(change.change, before)).collect();
        }
        Cause::Push { digest, media_type } => {
            let metadata = json!({
                "mediaType": media_type, "manifest_digest": digest, "original_manifest_digest": old,
            });
            ("push_repo", metadata)
        }
        Cause::Restore { digest } => {
            ("revert_tag", json!({"manifest_digest": digest, "original_manifest_digest": old}))
        }
        Cause::Delete => ("delete_tag", json!({"digest": old})),
        Cause::DeleteManifest { digest } => ("delete_tag", json!({"digest": digest})),
        Cause::Purge { digest } => {
            let digest = digest.as_ref().map(Digest::as_str).or(old);
            ("permanently_delete_tag", json!({"manifest_digest": digest}))
        }
        Cause::Prune { policy, reason } => {
            let metadata = json!({
                "performer": "autoprune worker", "manifest_digest": old, "policy_uuid": policy, "reason": reason,
            });
            ("autoprune_tag_delete", metadata)
        }
    };
    vec![entry]
}

/// The entries for what was amended, whether or not it changed anything; clearing what was not set is not worth one.
fn amendments(change: Change<ManifestId>, before: Option<&Before>) -> Vec<(&'static str, Value)> {
    let (Change::Point { amendment, .. } | Change::Amend(amendment)) = change else { return Vec::new() };
    let Amendment { expiration, protection } = amendment;
    let was = before.map(|before| before.lifetime);
    let old_end = was.and_then(|was| was.end);
    let mut entries = Vec::new();
    let new_end = match expiration {
        Some(Expiration::At(end)) => Some(end),
        Some(Expiration::Never) | None => None,
    };
    if expiration.is_some() && (new_end, old_end) != (None, None) {
        // Quay writes the new instant in seconds and the old one in milliseconds.
        let metadata = json!({
            "expiration_date": new_end.map(Timestamp::as_seconds), "old_expiration_date": old_end.map(Timestamp::as_ms),
        });
        entries.push(("change_tag_expiration", metadata));
    }
    if let Some(protection) = protection {
        let metadata = json!({
            "immutable": protection == Protection::Set, "previous_immutable": was.is_some_and(|was| was.immutable),
        });
        entries.push(("change_tag_immutability", metadata));
    }
    entries
}
