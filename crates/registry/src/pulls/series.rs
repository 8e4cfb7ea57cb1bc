//! Pulls over time, for those who may see what was pulled.

use std::sync::Arc;

use wharfinger_model::series::{Split, Step, Stretch};
use wharfinger_model::{Digest, RepositoryName, TagName, Timestamp};
pub use wharfinger_store::pulls::series::TagTotal;

use wharfinger_store::pulls::series::{Counted, Subject};
use wharfinger_store::pulls::{clients, series};
use wharfinger_store::{AccountId, SeriesId, Tx, lifetime, manifest};

use crate::access::{Granted, Inspect, Read, check, check_organization};
use crate::identity::users;
use crate::{Caller, Error, Registry, Result};

/// Of what pulls are asked for.
#[derive(Debug, Clone)]
pub enum Of {
    /// Everything in the repository.
    Repository,
    /// A living tag, since it was last deleted.
    Tag(String),
    /// A manifest by any name.
    Manifest(String),
}

/// Pulls over time.
#[derive(Debug, Clone)]
pub struct Series {
    /// The buckets.
    pub stretch: Stretch,
    /// What was counted in each.
    pub points: Vec<Point>,
}

/// What was counted in a bucket.
#[derive(Debug, Clone, Default)]
pub struct Point {
    /// How many pulls of each kind; those that are missing are none. Of one kind there may be several, which add up.
    pub pulls: Vec<(Split, i64)>,
    /// How many clients pulled; only days are told that.
    pub clients: Option<i64>,
}

/// The pulls of something in a repository, in buckets. What was rolled up into longer ones is left out at the beginning.
///
/// # Errors
/// [`Error::NoTag`] when no living tag has the name, [`Error::NoManifest`] when no manifest can be pulled by the digest.
pub async fn of(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    of: Of,
    stretch: Stretch,
) -> Result<Series> {
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    let stretch = stretch.kept(now);
    registry
        .scan(move |tx| {
            let granted = check::<Read>(tx, &caller, &repository)?;
            match find(tx, &granted, &of, now)? {
                Some(series) => read(tx, series, stretch),
                None => Ok(Series::empty(stretch)),
            }
        })
        .await
}

/// The series of what is asked for; `None` if it was never pulled.
fn find(tx: &mut Tx<'_>, granted: &Granted<Read>, of: &Of, now: Timestamp) -> Result<Option<SeriesId>> {
    let name;
    let subject = match of {
        Of::Repository => Subject::Repository,
        Of::Tag(tag) => {
            name = tag.parse::<TagName>().map_err(|_| Error::NoTag)?;
            let newest = lifetime::newest(tx, granted.id(), &name)?;
            newest.filter(|it| it.is_alive(now)).ok_or(Error::NoTag)?;
            Subject::Tag(&name)
        }
        Of::Manifest(digest) => {
            let digest = digest.parse::<Digest>().map_err(|_| Error::NoManifest)?;
            let found = manifest::summary(tx, granted.id(), &digest)?.filter(|found| found.deleted.is_none());
            Subject::Manifest(found.ok_or(Error::NoManifest)?.id)
        }
    };
    Ok(series::find(tx, granted.id(), subject)?)
}

impl Series {
    fn empty(stretch: Stretch) -> Self {
        let clients = (stretch.step == Step::Day).then_some(0);
        Self { stretch, points: vec![Point { pulls: Vec::new(), clients }; stretch.length()] }
    }

    fn at(&mut self, instant: Timestamp) -> Option<&mut Point> {
        self.stretch.place(instant).and_then(|place| self.points.get_mut(place))
    }
}

fn read(tx: &mut Tx<'_>, id: SeriesId, stretch: Stretch) -> Result<Series> {
    let mut told = Series::empty(stretch);
    for Counted { start, split, pulls } in series::counted(tx, id, stretch.start(), stretch.end())? {
        if let Some(point) = told.at(start) {
            point.pulls.push((split, pulls));
        }
    }
    if stretch.step == Step::Day {
        for (day, clients) in clients::counted(tx, id, stretch.start().day(), stretch.end().day())? {
            if let Some(point) = told.at(Timestamp::from_day(day)) {
                point.clients = Some(clients);
            }
        }
    }
    Ok(told)
}

/// Whose tags are asked for.
#[derive(Debug, Clone)]
pub enum Namespace {
    /// An organization's, for those who administer it.
    Organization(String),
    /// The caller's own.
    Own,
}

/// The tags of a namespace that were pulled most.
#[derive(Debug, Clone)]
pub struct Top {
    /// The first instant of the first bucket that was looked at.
    pub from: Timestamp,
    /// The first instant after the last.
    pub to: Timestamp,
    /// The most pulled first.
    pub tags: Vec<TagTotal>,
}

/// The tags of a namespace that were pulled most from the first instant until before the second, at most `limit`. Buckets
/// are looked at whole: hours, and of older time the days and months that hours were rolled up into.
///
/// # Errors
/// When the caller does not administer the namespace.
pub async fn top_tags(
    registry: &Registry,
    caller: &Arc<Caller>,
    namespace: Namespace,
    (from, to): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Top> {
    let (caller, now) = (Arc::clone(caller), registry.now());
    let (from, to) = (Step::shortest(from, now).start(from), Step::shortest(to, now).ceiling(to));
    registry
        .scan(move |tx| {
            let namespace = administered(tx, &caller, &namespace)?;
            Ok(Top { from, to, tags: series::top_tags(tx, namespace, from, to, limit)? })
        })
        .await
}

/// Checks that the caller may ask for the tags of a namespace that were pulled most.
///
/// # Errors
/// When the caller does not administer the namespace.
pub async fn authorize_top(registry: &Registry, caller: &Arc<Caller>, namespace: Namespace) -> Result<()> {
    let caller = Arc::clone(caller);
    registry.read(move |tx| administered(tx, &caller, &namespace).map(drop)).await
}

fn administered(tx: &mut Tx<'_>, caller: &Caller, namespace: &Namespace) -> Result<AccountId> {
    match namespace {
        Namespace::Organization(name) => Ok(check_organization::<Inspect>(tx, caller, name)?.id),
        Namespace::Own => users::authorize_admin(caller),
    }
}
