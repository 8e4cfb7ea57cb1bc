//! The living tags of a repository, each with its verdict.

use std::ops::ControlFlow;

use wharfinger_model::Timestamp;
use wharfinger_model::prune::{Judge, Verdict};
use wharfinger_store::prune::{self, Living};
use wharfinger_store::{RepositoryId, Tx};

use crate::Result;

/// How many tags are read at once: so many are in memory, however many there are.
const AT_ONCE: i64 = 1000;

/// Judges the living tags of a repository, newest first, until `visit` breaks.
pub(super) fn walk(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    judge: &mut Judge<'_>,
    now: Timestamp,
    mut visit: impl FnMut(Living, Verdict) -> ControlFlow<()>,
) -> Result<()> {
    let mut last: Option<Living> = None;
    loop {
        let some = prune::living(tx, repository, last.as_ref(), now, AT_ONCE)?;
        let Some(end) = some.last().cloned() else { return Ok(()) };
        for living in some {
            let verdict = judge.judge(&living.candidate);
            if visit(living, verdict).is_break() {
                return Ok(());
            }
        }
        last = Some(end);
    }
}
