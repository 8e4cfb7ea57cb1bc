//! What is counted and measured of what the registry does, besides what the store and the storage measure themselves.

use wharfinger_metrics::{Counter, Each, Gauge, Histogram, Labels, Lookups, bounds};
use wharfinger_model::ClientKind;
use wharfinger_model::series::{PullMethod, Split};

use crate::collect::Freed;

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Passwords that are hashed.
    pub passwords: Passwords,
    /// Pulls on their way to being written down.
    pub pulls: Pulls,
    /// What was freed.
    pub collection: Collection,
    /// What was pruned.
    pub pruning: Pruning,
    /// Whether the keys of an OIDC issuer were known when a token needed them.
    pub issuer_keys: Lookups,
}

/// Passwords that are hashed, a few at a time.
#[derive(Debug, Clone)]
pub struct Passwords {
    /// Those that wait for their turn.
    pub waiting: Gauge,
    /// Those that were refused because too many waited.
    pub refused: Counter,
    /// How long it took to hash one, the wait aside.
    pub hashed: Histogram,
}

impl Default for Passwords {
    fn default() -> Self {
        let hashed = Histogram::new(bounds::SHORT);
        Self { waiting: Gauge::default(), refused: Counter::default(), hashed }
    }
}

/// Pulls on their way to being written down.
#[derive(Debug, Clone, Default)]
pub struct Pulls {
    /// Pulls that were counted in memory.
    pub counted: Each<PullKind, Counter>,
    /// Those of them that are not written down yet.
    pub waiting: Gauge,
    /// Pulls that were not counted for want of room.
    pub lost: Counter,
    /// Pulls that were counted, but for want of room not by whom.
    pub clients_lost: Counter,
}

/// A kind of pulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullKind(pub Split);

impl Labels for PullKind {
    fn all() -> Vec<Self> {
        Split::all().map(Self).collect()
    }

    fn index(self) -> usize {
        let method = match self.0.method {
            PullMethod::Get => 0,
            PullMethod::Head => 1,
        };
        let client = match self.0.client {
            ClientKind::Engine => 0,
            ClientKind::Builder => 1,
            ClientKind::Monitor => 2,
            ClientKind::Other => 3,
        };
        method * ClientKind::ALL.len() + client
    }

    fn pairs(self) -> Vec<(&'static str, &'static str)> {
        vec![("method", self.0.method.as_str()), ("client", self.0.client.as_str())]
    }
}

/// What was freed because nothing needed it any more.
#[derive(Debug, Clone, Default)]
pub struct Collection {
    /// Rows and files that are gone.
    pub freed: Each<Garbage, Counter>,
    /// The length of the files that are gone, in bytes.
    pub freed_bytes: Counter,
    /// Repositories and files that could not be done, and are tried again.
    pub failed: Counter,
}

impl Collection {
    /// So much more was freed.
    pub(crate) fn add(&self, freed: &Freed) {
        for (kind, count) in [
            (Garbage::Repositories, freed.repositories),
            (Garbage::Lifetimes, freed.lifetimes),
            (Garbage::Manifests, freed.manifests),
            (Garbage::Blobs, freed.blobs),
            (Garbage::Strays, freed.strays),
        ] {
            self.freed.of(kind).inc_by(count);
        }
        self.freed_bytes.inc_by(freed.bytes);
    }
}

/// What can be freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garbage {
    /// Repositories that had been deleted.
    Repositories,
    /// Lifetimes beyond the window.
    Lifetimes,
    /// Manifests that nothing needed.
    Manifests,
    /// Blobs that no repository had any more.
    Blobs,
    /// Files that no row told of.
    Strays,
}

impl Labels for Garbage {
    fn all() -> Vec<Self> {
        vec![Self::Repositories, Self::Lifetimes, Self::Manifests, Self::Blobs, Self::Strays]
    }

    fn index(self) -> usize {
        self as usize
    }

    fn pairs(self) -> Vec<(&'static str, &'static str)> {
        let name = match self {
            Self::Repositories => "repositories",
            Self::Lifetimes => "lifetimes",
            Self::Manifests => "manifests",
            Self::Blobs => "blobs",
            Self::Strays => "strays",
        };
        vec![("kind", name)]
    }
}

/// What policies have deleted.
#[derive(Debug, Clone, Default)]
pub struct Pruning {
    /// Tags that are gone.
    pub tags: Counter,
    /// Repositories that could not be done, and are tried again.
    pub failed: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_stands_where_it_says() {
        fn check<L: Labels>() {
            assert!(L::all().into_iter().map(L::index).eq(0..L::all().len()));
        }
        check::<PullKind>();
        check::<Garbage>();
    }
}
