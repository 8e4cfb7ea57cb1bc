//! What refers to a manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use wharfinger_model::manifest::media_type::OCI_INDEX;
use wharfinger_model::{Digest, RepositoryName, TagName, Timestamp, referrers as index};
use wharfinger_store::Tx;
use wharfinger_store::manifest::{self, Referring, Unattached};

pub use wharfinger_store::manifest::Referrer;

use crate::access::{Read, check};
use crate::{Caller, Error, Registry, Result};

/// Most referrers on one page.
pub const MAX_REFERRERS: i64 = 1000;
/// About the largest page in bytes. Clients read it as a manifest, and take none that is larger.
const PAGE_BYTES: i64 = 4 << 20;
/// How much longer than the manifest itself what is listed of it can be, in bytes: type, digest, size.
const DESCRIPTOR_BYTES: i64 = 512;

/// What is asked of the referrers.
#[derive(Debug, Clone)]
pub struct ReferrersQuery {
    /// Only those of this type, which has at most 255 characters.
    pub artifact_type: Option<String>,
    /// Only those whose digests come after this, which may be any text.
    pub last: String,
    /// At most so many.
    pub n: i64,
}

/// A page of what refers to a manifest.
#[derive(Debug, Clone)]
pub struct Referrers {
    /// In the order of their digests' bytes.
    pub manifests: Vec<Referrer>,
    /// Whether more follow.
    pub more: bool,
}

/// A page of the manifests that name `subject` as theirs, whether or not the subject itself is there, and of those that
/// an older client has put down for it in an index of its own.
///
/// # Errors
/// When the caller may not read the repository. A repository that does not exist has no referrers.
pub async fn referrers(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    subject: &Digest,
    query: ReferrersQuery,
) -> Result<Referrers> {
    let (caller, repository, subject) = (Arc::clone(caller), repository.clone(), subject.clone());
    let now = registry.now();
    registry
        .scan(move |tx| {
            let granted = match check::<Read>(tx, &caller, &repository) {
                Ok(granted) => granted,
                Err(Error::NoRepository) => return Ok(Referrers { manifests: Vec::new(), more: false }),
                Err(refused) => return Err(refused),
            };
            let artifact_type = query.artifact_type.as_deref();
            let wanted = Referring { repository: granted.id(), subject: &subject, artifact_type };
            page(tx, wanted, &query, now)
        })
        .await
}

fn page(tx: &mut Tx<'_>, wanted: Referring<'_>, query: &ReferrersQuery, now: Timestamp) -> Result<Referrers> {
    let mut put_down = put_down(tx, wanted, now)?;
    put_down.retain(|digest, _| digest.as_str() > query.last.as_str());
    // One more than is wanted tells whether more follow.
    let sizes = manifest::referrer_sizes(tx, wanted, &query.last, query.n.saturating_add(1))?;
    let mut sizes: BTreeMap<_, _> = sizes.into_iter().collect();
    sizes.extend(put_down.iter().map(|(digest, referrer)| (digest.clone(), listed_size(referrer))));
    let fitting = fitting(sizes.values().copied(), query.n);
    let more = sizes.len() > fitting;
    let through = fitting.checked_sub(1).and_then(|at| sizes.into_keys().nth(at));
    let Some(through) = through else { return Ok(Referrers { manifests: Vec::new(), more }) };
    let stored = manifest::referrers(tx, wanted, &query.last, &through)?;
    let mut manifests: BTreeMap<_, _> =
        stored.into_iter().map(|stored| (stored.digest.clone(), stored)).collect();
    manifests.extend(put_down.into_iter().filter(|(digest, _)| *digest <= through));
    Ok(Referrers { manifests: manifests.into_values().collect(), more })
}

/// How many of manifests of these sizes a page holds: at most `n`, and of what is too large for any page one.
fn fitting(sizes: impl Iterator<Item = i64>, n: i64) -> usize {
    let mut filled: i64 = 0;
    let fits = |size: &i64| {
        let first = filled == 0;
        filled = filled.saturating_add(size.saturating_add(DESCRIPTOR_BYTES));
        first || filled <= PAGE_BYTES
    };
    sizes.take(usize::try_from(n).unwrap_or(0)).take_while(fits).count()
}

/// What is listed of a manifest that an index puts down: its type and its annotations are the index's.
fn listed_size(referrer: &Referrer) -> i64 {
    let texts = [&referrer.artifact_type, &referrer.annotations].into_iter().flatten();
    texts.map(|text| i64::try_from(text.len()).unwrap_or(i64::MAX)).fold(0, i64::saturating_add)
}

/// What an older client has put down for the subject: an index under the tag that is made of the digest, which lists
/// referrers as the client knows them. Those that name a subject themselves are found by that, or belong to another;
/// the rest is taken as the index has it, with the type of the manifest where the index names none, if it can be pulled
/// from here. A tag that is dead, or points at something else than an index, puts nothing down.
fn put_down(tx: &mut Tx<'_>, wanted: Referring<'_>, now: Timestamp) -> Result<BTreeMap<Digest, Referrer>> {
    let Referring { repository, subject, artifact_type } = wanted;
    let tag = TagName::of_referrers(subject);
    let Some((stored, _)) = manifest::by_tag(tx, repository, &tag, now)? else { return Ok(BTreeMap::new()) };
    if stored.media_type != OCI_INDEX {
        return Ok(BTreeMap::new());
    }
    let mut descriptors = index::listed(&stored.content);
    descriptors.remove(subject);
    let mut put_down = BTreeMap::new();
    for entry in manifest::entries_without_subject(tx, repository, stored.id)? {
        let Unattached { digest, media_type, size, artifact_type: own_type } = entry;
        let Some(descriptor) = descriptors.remove(&digest).filter(|descriptor| descriptor.size == size)
        else {
            continue;
        };
        let annotations =
            descriptor.annotations.map(|annotations| serde_json::json!(annotations).to_string());
        let listed_type = descriptor.artifact_type.or(own_type);
        if artifact_type.is_some() && listed_type.as_deref() != artifact_type {
            continue;
        }
        let artifact_type = listed_type;
        put_down.insert(digest.clone(), Referrer { digest, media_type, size, artifact_type, annotations });
    }
    Ok(put_down)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_what_fits_and_always_one() {
        let fitting = |sizes: &[i64], n| fitting(sizes.iter().copied(), n);
        assert_eq!(fitting(&[], 5), 0);
        assert_eq!(fitting(&[10, 10, 10], 5), 3);
        assert_eq!(fitting(&[10, 10, 10], 2), 2);
        assert_eq!(fitting(&[10, 10, 10], 0), 0);
        assert_eq!(fitting(&[PAGE_BYTES, 10], 5), 1);
        assert_eq!(fitting(&[10, PAGE_BYTES, 10], 5), 1);
        assert_eq!(fitting(&[i64::MAX, i64::MAX], 5), 1);
        let half = PAGE_BYTES / 2 - DESCRIPTOR_BYTES;
        assert_eq!(fitting(&[half, half, 0], 5), 2);
    }
}
