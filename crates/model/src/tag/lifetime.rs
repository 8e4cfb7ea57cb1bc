//! The stretches of time in which a tag points at a manifest.

use std::time::Duration;

use crate::Timestamp;

/// One stretch of time in which a tag pointed at one manifest: from `start` up to, but without, `end`.
///
/// `M` is whatever tells manifests apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime<M> {
    /// Where the tag points during this time.
    pub manifest: M,
    /// When it began.
    pub start: Timestamp,
    /// When it ended or is going to end; `None` while no end is known.
    pub end: Option<Timestamp>,
    /// Whether a restore made it.
    pub reversion: bool,
    /// Whether nobody may move, end or expire it.
    pub immutable: bool,
}

impl<M> Lifetime<M> {
    /// Whether the tag points here at `now`. At its very end a lifetime is over.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.end.is_none_or(|end| end > now)
    }

    /// The instant of a change that ends this lifetime at `now`: later than its beginning, even if the clock was set
    /// back or has not moved since.
    pub fn ended_at(&self, now: Timestamp) -> Timestamp {
        now.max(self.start + TICK)
    }

    /// The instant at which a lifetime begins at `now` after this one, which is over. Later than its end: only what is
    /// moved begins where another lifetime ends.
    pub fn begun_after(&self, now: Timestamp) -> Timestamp {
        self.end.map_or(now, |end| now.max(end + TICK))
    }
}

/// How far apart changes of one tag are at least, so that its history has one order.
const TICK: Duration = Duration::from_millis(1);

/// What the rules that hold for a name and a manifest give to a lifetime that begins, unless more is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Birth {
    /// How long it lasts. One that is immutable does not end by itself.
    pub expires_after: Option<Duration>,
    /// Whether it is immutable.
    pub immutable: bool,
}

impl Birth {
    /// When a lifetime ends that begins at `start`, if that can be written as a date.
    pub(super) fn end(self, start: Timestamp) -> Option<Timestamp> {
        self.expires_after.map(|duration| start + duration).filter(|end| *end < Timestamp::YEAR_10000)
    }
}
