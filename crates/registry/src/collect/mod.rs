//! Collection: freeing what nothing needs any more, while everybody else goes on.
//!
//! Rows first, in units so small that nobody waits for one; then bytes. Whatever a unit removes it has looked at under
//! the lock that a push takes. It can be broken off between any two units: the next run finds what is left.

mod budget;
mod bytes;
mod lifetimes;
mod links;
mod manifests;
mod repositories;
mod series;
pub(crate) mod strays;

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use wharfinger_model::Timestamp;
use wharfinger_store::{RepositoryId, Tx, garbage, repository};

use crate::metrics::Garbage;
use crate::{Error, Registry, Result};

pub use strays::Strays;

/// How many repositories are looked at in one read.
const LOOKS: usize = 200;

/// What was freed, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Freed {
    /// Repositories that had been deleted.
    pub repositories: u64,
    /// Lifetimes beyond the window.
    pub lifetimes: u64,
    /// Manifests that nothing needed.
    pub manifests: u64,
    /// Blobs that no repository had any more.
    pub blobs: u64,
    /// Files that no row told of.
    pub strays: u64,
    /// Length of the files that were deleted, in bytes.
    pub bytes: u64,
}

impl Freed {
    /// Whether there was nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Freed {
    fn add_assign(&mut self, more: Self) {
        self.repositories += more.repositories;
        self.lifetimes += more.lifetimes;
        self.manifests += more.manifests;
        self.blobs += more.blobs;
        self.strays += more.strays;
        self.bytes += more.bytes;
    }
}

/// What one unit of work did.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// It found something to do, so that there may be more.
    Did(Freed),
    /// There is nothing of its kind to do.
    Nothing,
}

/// A repository in which something may be garbage, and when that is judged.
#[derive(Debug, Clone, Copy)]
struct Place {
    repository: RepositoryId,
    now: Timestamp,
}

impl Place {
    /// Where the window begins, if the repository was not deleted.
    fn beyond(self, tx: &mut Tx<'_>) -> Result<Option<Timestamp>> {
        let window = garbage::window_ms(tx, self.repository)?;
        let window = window.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        Ok(window.map(|window| self.now - window))
    }

    /// Holds the repository's row until the unit of work ends; whether it is there.
    fn lock(self, tx: &mut Tx<'_>) -> Result<bool> {
        Ok(repository::lock(tx, self.repository)?.is_some())
    }
}

type Unit = fn(&mut Tx<'_>, Place) -> Result<Step>;

/// What is done in a repository, each until there is nothing left to do: what one removes is what the next looks for.
const IN_REPOSITORY: [Unit; 4] = [lifetimes::remove, manifests::remove, links::remove, series::remove];
/// What is done with one that was deleted.
const TO_DELETED: [Unit; 1] = [repositories::remove];

/// Frees everything that nothing needs now.
///
/// # Errors
/// When the store or the storage of blobs fails. What was freed before stays freed. What fails in one repository or with
/// one file is logged, and the others are done all the same.
pub async fn collect(registry: &Registry, strays: Strays) -> Result<Freed> {
    let mut freed = Freed::default();
    let now = registry.now();
    let mut after = None;
    while let Some(repository) = registry.scan(move |tx| Ok(garbage::deleted_repository(tx, after)?)).await? {
        freed += work(registry, Place { repository, now }, &TO_DELETED).await?;
        after = Some(repository);
    }
    let mut after = None;
    loop {
        let (due, looked_to) = registry.scan(move |tx| due(tx, after, now)).await?;
        for repository in due {
            freed += work(registry, Place { repository, now }, &IN_REPOSITORY).await?;
        }
        match looked_to {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    let swept = match strays {
        Strays::Sweep => strays::doom(registry).await,
        Strays::Leave => Ok(0),
    };
    // What is doomed already need not be looked for: a folder that can't be read keeps nobody from freeing that.
    freed += bytes::delete(registry).await?;
    let strays = swept?;
    registry.0.metrics.collection.freed.of(Garbage::Strays).inc_by(strays);
    freed.strays += strays;
    Ok(freed)
}

/// What [`collect`] would free; nothing changes. It is done whole and undone again, so nobody else should be at work.
///
/// # Errors
/// As for [`collect`].
pub async fn preview(registry: &Registry) -> Result<Freed> {
    let now = registry.now();
    let undone = registry.0.db.write(move |tx| Err::<(), _>(Undone::of(try_all(tx, now)))).await;
    let mut freed = match undone {
        Err(Undone::Freed(freed)) => freed,
        Err(Undone::Failed(error)) => return Err(error),
        Ok(()) => Freed::default(),
    };
    let strays = strays::count(registry).await?;
    freed.strays = strays.files;
    freed.bytes += strays.bytes;
    Ok(freed)
}

/// Does units of work in a repository until each kind has nothing left to do.
///
/// # Errors
/// When the store fails as a whole.
async fn work(registry: &Registry, place: Place, units: &[Unit]) -> Result<Freed> {
    let mut freed = Freed::default();
    for unit in units.iter().copied() {
        loop {
            match registry.write(move |tx| unit(tx, place)).await {
                Ok(Step::Did(more)) => {
                    registry.0.metrics.collection.add(&more);
                    freed += more;
                }
                Ok(Step::Nothing) => break,
                Err(error @ (Error::Unavailable | Error::Full)) => return Err(error),
                Err(error) => {
                    registry.0.metrics.collection.failed.inc();
                    let repository_id = place.repository.get();
                    tracing::error!(%error, repository_id, "a repository could not be collected; the next collection tries again");
                    return Ok(freed);
                }
            }
        }
    }
    Ok(freed)
}

/// The repositories behind `after` in which there is something to do, of the next that may have it; and the last of
/// those, if more may follow.
fn due(
    tx: &mut Tx<'_>,
    mut after: Option<RepositoryId>,
    now: Timestamp,
) -> Result<(Vec<RepositoryId>, Option<RepositoryId>)> {
    let mut due = Vec::new();
    for _ in 0..LOOKS {
        let Some(repository) = garbage::next_repository(tx, after)? else { return Ok((due, None)) };
        let beyond = Place { repository, now }.beyond(tx)?;
        if let Some(beyond) = beyond
            && garbage::is_due(tx, repository, beyond, now)?
        {
            due.push(repository);
        }
        after = Some(repository);
    }
    Ok((due, after))
}

/// Does every unit of work, one after another in this one.
fn try_all(tx: &mut Tx<'_>, now: Timestamp) -> Result<Freed> {
    let mut freed = Freed::default();
    let mut try_in = |tx: &mut Tx<'_>, repository, units: &[Unit]| -> Result<()> {
        for unit in units {
            while let Step::Did(more) = unit(tx, Place { repository, now })? {
                freed += more;
            }
        }
        Ok(())
    };
    let mut after = None;
    while let Some(repository) = garbage::deleted_repository(tx, after)? {
        try_in(tx, repository, &TO_DELETED)?;
        after = Some(repository);
    }
    let mut after = None;
    loop {
        let (repositories, looked_to) = due(tx, after, now)?;
        for repository in repositories {
            try_in(tx, repository, &IN_REPOSITORY)?;
        }
        match looked_to {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    freed.bytes = bytes::doomed(tx)?;
    Ok(freed)
}

/// Why a unit of work was given up that was never meant to stay.
enum Undone {
    Freed(Freed),
    Failed(Error),
}

impl Undone {
    fn of(tried: Result<Freed>) -> Self {
        match tried {
            Ok(freed) => Self::Freed(freed),
            Err(error) => Self::Failed(error),
        }
    }
}

impl From<wharfinger_store::Error> for Undone {
    fn from(error: wharfinger_store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl fmt::Display for Freed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("repositories", self.repositories),
            ("lifetimes", self.lifetimes),
            ("manifests", self.manifests),
            ("blobs", self.blobs),
            ("stray files", self.strays),
            ("bytes", self.bytes),
        ];
        let lines: Vec<_> = rows.iter().map(|(what, count)| format!("{what:<13}{count:>16}")).collect();
        f.write_str(&lines.join("\n"))
    }
}
