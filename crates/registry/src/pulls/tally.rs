//! What is counted of a pull, and sums of it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use wharfinger_model::series::{PullMethod, Split};
use wharfinger_model::{ClientKind, Distinct, TagName, Timestamp};
use wharfinger_store::{LifetimeId, ManifestId, RepositoryId};

/// A pull that was answered.
#[derive(Debug)]
pub(crate) struct Pull {
    /// From where.
    pub(crate) repository: RepositoryId,
    /// What was given out.
    pub(crate) manifest: ManifestId,
    /// The tag it was asked for by, and the lifetime that led there.
    pub(crate) tag: Option<(TagName, LifetimeId)>,
    /// By which method it was asked for.
    pub(crate) method: PullMethod,
    /// By what kind of program.
    pub(crate) client: ClientKind,
    /// By whom.
    pub(crate) address: Option<IpAddr>,
    /// When.
    pub(crate) at: Timestamp,
}

/// What pulls are summed up of in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Pulled {
    /// A tag in one of its lifetimes: pulls of earlier ones are dropped when the tag is deleted.
    ByTag(LifetimeId),
    /// A manifest that was named by its digest.
    ByDigest(ManifestId),
}

/// How often something was pulled, and when last.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    pub(super) last: Timestamp,
    /// By hour, counted from 1970, and apart.
    pub(super) by_hour: BTreeMap<(i64, Split), i64>,
    /// By whom on each day, counted from 1970.
    pub(super) clients: BTreeMap<i64, Distinct>,
}

impl Sum {
    pub(super) fn count(&self) -> i64 {
        self.by_hour.values().sum()
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.last = self.last.max(other.last);
        for (place, count) in &other.by_hour {
            *self.by_hour.entry(*place).or_default() += count;
        }
        for (day, clients) in &other.clients {
            self.clients.entry(*day).or_default().merge(clients);
        }
    }
}

/// The pulls of one thing.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    pub(super) repository: RepositoryId,
    pub(super) manifest: ManifestId,
    pub(super) tag: Option<(TagName, LifetimeId)>,
    pub(super) sum: Sum,
}
