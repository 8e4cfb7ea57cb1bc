//! Pulls over time: the steps in which they are told, and how they are split.

use std::str::FromStr;
use std::time::Duration;

use crate::{ClientKind, Timestamp};

/// By which method a manifest was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PullMethod {
    /// Its content was wanted.
    Get,
    /// It was only looked for, or at its digest.
    Head,
}

impl PullMethod {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Get, Self::Head];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
        }
    }
}

/// How long a bucket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// An hour.
    Hour,
    /// A day, in UTC.
    Day,
    /// A month, in UTC.
    Month,
}

const HOUR_MS: i64 = 3600 * 1000;
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Step {
    /// Every step.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// How long buckets of this length are kept at least, before they are rolled up into longer ones; `None` for ever.
    const fn kept_for(self) -> Option<Duration> {
        match self {
            Self::Hour => Some(Duration::from_secs(14 * 24 * 3600)),
            Self::Day => Some(Duration::from_secs(400 * 24 * 3600)),
            Self::Month => None,
        }
    }

    /// Into what buckets of this length are rolled up.
    pub const fn longer(self) -> Self {
        match self {
            Self::Hour => Self::Day,
            Self::Day | Self::Month => Self::Month,
        }
    }

    /// The start of the first bucket of this length that is still kept at `now`. What is older was rolled up, or will be.
    pub fn kept_since(self, now: Timestamp) -> Timestamp {
        let Some(kept) = self.kept_for() else { return Timestamp::BEGINNING };
        // A longer bucket is made of all its parts at once.
        self.longer().start(now - kept)
    }

    /// The number of the bucket that an instant lies in, counted from 1970.
    pub fn number(self, instant: Timestamp) -> i64 {
        match self {
            Self::Hour => instant.as_ms().div_euclid(HOUR_MS),
            Self::Day => instant.day(),
            Self::Month => instant.month(),
        }
    }

    /// The first instant of the bucket with this number.
    pub fn begin(self, number: i64) -> Timestamp {
        match self {
            Self::Hour => Timestamp::from_ms(number.saturating_mul(HOUR_MS)),
            Self::Day => Timestamp::from_day(number),
            Self::Month => Timestamp::from_month(number),
        }
    }

    /// The first instant of the bucket that an instant lies in.
    pub fn start(self, instant: Timestamp) -> Timestamp {
        self.begin(self.number(instant))
    }

    /// The first start of a bucket that is not before an instant.
    pub fn ceiling(self, instant: Timestamp) -> Timestamp {
        let start = self.start(instant);
        if start == instant { start } else { self.begin(self.number(instant) + 1) }
    }

    /// How long the shortest buckets are that are kept at `now` of what was pulled at an instant.
    pub fn shortest(instant: Timestamp, now: Timestamp) -> Self {
        Self::ALL.into_iter().find(|step| step.kept_since(now) <= instant).unwrap_or(Self::Month)
    }

    /// How much is told when nobody says from when.
    pub const fn usual_span(self) -> Duration {
        match self {
            Self::Hour => DAY,
            Self::Day => Duration::from_secs(30 * 24 * 3600),
            Self::Month => Duration::from_secs(365 * 24 * 3600),
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// The text is no step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a step is one of hour, day and month")]
pub struct UnknownStep;

impl FromStr for Step {
    type Err = UnknownStep;

    fn from_str(text: &str) -> Result<Self, UnknownStep> {
        Self::ALL.into_iter().find(|step| step.as_str() == text).ok_or(UnknownStep)
    }
}

/// What pulls are counted apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Split {
    /// By which method.
    pub method: PullMethod,
    /// By what kind of program.
    pub client: ClientKind,
}

impl Split {
    /// Every one there is.
    pub fn all() -> impl Iterator<Item = Self> {
        PullMethod::ALL
            .into_iter()
            .flat_map(|method| ClientKind::ALL.into_iter().map(move |client| Self { method, client }))
    }
}

/// The buckets that make up a stretch of time: every one whose start is not before the stretch, and the one that it begins
/// in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// How long each is.
    pub step: Step,
    /// The number of the first.
    first: i64,
    /// How many there are.
    length: usize,
}

/// A stretch would have more than [`Stretch::LONGEST`] buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl Stretch {
    /// Most buckets.
    pub const LONGEST: usize = 10_000;

    /// The buckets from `from` until before `to`.
    ///
    /// # Errors
    /// When there are too many.
    pub fn new(step: Step, from: Timestamp, to: Timestamp) -> Result<Self, TooLong> {
        let first = step.number(from);
        let length = if to <= from { 0 } else { step.number(to - Duration::from_millis(1)) - first + 1 };
        let length = usize::try_from(length).ok().filter(|length| *length <= Self::LONGEST);
        Ok(Self { step, first, length: length.ok_or(TooLong)? })
    }

    /// Those of them that are still kept at `now`.
    pub fn kept(self, now: Timestamp) -> Self {
        let kept_since = self.step.kept_since(now);
        let gone = (0..self.length).take_while(|at| self.start_of(*at) < kept_since).count();
        Self { first: self.first + gone as i64, length: self.length - gone, ..self }
    }

    /// How many buckets there are.
    pub fn length(self) -> usize {
        self.length
    }

    /// Where it begins.
    pub fn start(self) -> Timestamp {
        self.start_of(0)
    }

    /// Where it ends: the first instant after it.
    pub fn end(self) -> Timestamp {
        self.start_of(self.length)
    }

    /// The first instant of the bucket at this place.
    pub fn start_of(self, place: usize) -> Timestamp {
        self.step.begin(self.first.saturating_add(place as i64))
    }

    /// The place of the bucket that an instant lies in, if it is one of them.
    pub fn place(self, instant: Timestamp) -> Option<usize> {
        let place = usize::try_from(self.step.number(instant) - self.first).ok()?;
        (place < self.length).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;
    use crate::Rfc3339;

    fn at(text: &str) -> Timestamp {
        Rfc3339::parse(text).unwrap().0
    }

    #[test]
    fn buckets_begin_with_their_hour_day_or_month() {
        let instant = at("2026-08-03T09:05:07Z");
        for (step, start) in [
            (Step::Hour, "2026-08-03T09:00:00Z"),
            (Step::Day, "2026-08-03T00:00:00Z"),
            (Step::Month, "2026-08-01T00:00:00Z"),
        ] {
            assert_eq!(step.start(instant), at(start));
            assert_eq!(step.start(at(start)), at(start));
            assert_eq!(step.as_str().parse(), Ok(step));
        }
        assert_eq!(Step::Month.start(at("1969-12-31T23:59:59Z")), at("1969-12-01T00:00:00Z"));
        assert_eq!("week".parse::<Step>(), Err(UnknownStep));
    }

    #[test]
    fn what_is_kept_begins_where_a_longer_bucket_does() {
        let now = at("2026-08-03T09:05:07Z");
        assert_eq!(Step::Hour.kept_since(now), at("2026-07-20T00:00:00Z"));
        assert_eq!(Step::Day.kept_since(now), at("2025-06-01T00:00:00Z"));
        assert_eq!(Step::Month.kept_since(now), Timestamp::BEGINNING);
    }

    #[test]
    fn every_instant_is_in_one_bucket_of_each_length_and_a_longer_one_is_made_of_whole_ones() {
        // The years have leap days, but for that of 2100.
        let mut instant = at("1971-12-31T23:59:59.999Z");
        while instant < at("2104-03-02T00:00:00Z") {
            for step in Step::ALL {
                let (start, end) = (step.start(instant), step.begin(step.number(instant) + 1));
                assert!(start <= instant && instant < end, "{step:?} {instant:?}");
                assert_eq!((step.start(end - Duration::from_millis(1)), step.start(end)), (start, end));
                assert_eq!((step.ceiling(start), step.ceiling(end - Duration::from_millis(1))), (start, end));
                let longer = step.longer();
                assert_eq!(longer.start(start), longer.start(end - Duration::from_millis(1)));
            }
            instant = instant + Duration::from_millis(26 * 3_600_000 + 1);
        }
        for (day, next) in [
            ("2024-02-28T23:59:59.999Z", "2024-02-29T00:00:00Z"),
            ("2024-02-29T23:59:59.999Z", "2024-03-01T00:00:00Z"),
            ("2026-02-28T23:59:59.999Z", "2026-03-01T00:00:00Z"),
            ("2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z"),
            ("2100-02-28T23:59:59.999Z", "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Step::Day.ceiling(at(day)), at(next));
            let is_month = next.ends_with("-01T00:00:00Z");
            assert_eq!(Step::Month.ceiling(at(day)) == at(next), is_month, "{next}");
        }
    }

    #[test]
    fn what_is_older_is_in_longer_buckets() {
        let now = at("2026-08-03T09:05:07Z");
        for (instant, step) in [
            ("2026-08-03T09:05:07Z", Step::Hour),
            ("2026-07-20T00:00:00Z", Step::Hour),
            ("2026-07-19T23:59:59.999Z", Step::Day),
            ("2025-06-01T00:00:00Z", Step::Day),
            ("2025-05-31T23:59:59.999Z", Step::Month),
        ] {
            assert_eq!(Step::shortest(at(instant), now), step, "{instant}");
        }
    }

    #[test]
    fn a_stretch_has_every_bucket_that_begins_in_it_and_the_one_it_begins_in() {
        let places = |step, from, to| Stretch::new(step, at(from), at(to)).map(Stretch::length);
        assert_eq!(places(Step::Hour, "2026-08-03T09:30:00Z", "2026-08-03T11:00:00Z"), Ok(2));
        assert_eq!(places(Step::Hour, "2026-08-03T09:30:00Z", "2026-08-03T11:00:00.001Z"), Ok(3));
        assert_eq!(places(Step::Month, "2026-01-31T00:00:00Z", "2027-01-01T00:00:00Z"), Ok(12));
        assert_eq!(places(Step::Day, "2026-08-03T09:30:00Z", "2026-08-03T09:30:00Z"), Ok(0));
        let stretch =
            Stretch::new(Step::Day, at("2026-02-27T12:00:00Z"), at("2026-03-02T00:00:00Z")).unwrap();
        assert_eq!(
            (stretch.start(), stretch.end()),
            (at("2026-02-27T00:00:00Z"), at("2026-03-02T00:00:00Z"))
        );
        assert_eq!(stretch.place(at("2026-03-01T23:59:59Z")), Some(2));
        assert_eq!(stretch.place(stretch.end()), None);
        assert_eq!(stretch.place(at("2026-02-26T23:59:59Z")), None);
    }

    #[test]
    fn a_stretch_is_not_longer_than_ten_thousand_buckets() {
        let from = at("2020-01-01T00:00:00Z");
        let hours = |count: u64| Stretch::new(Step::Hour, from, from + Duration::from_secs(3600 * count));
        assert_eq!(hours(10_000).map(Stretch::length), Ok(10_000));
        assert_eq!(hours(10_001), Err(TooLong));
        assert_eq!(Stretch::new(Step::Hour, Timestamp::from_ms(0), Timestamp::YEAR_10000), Err(TooLong));
    }

    #[test]
    fn buckets_that_were_rolled_up_are_left_out() {
        let now = at("2026-08-03T09:05:07Z");
        let stretch =
            Stretch::new(Step::Hour, at("2026-07-19T20:00:00Z"), at("2026-07-20T03:00:00Z")).unwrap();
        let kept = stretch.kept(now);
        assert_eq!((kept.start(), kept.length()), (at("2026-07-20T00:00:00Z"), 3));
        let gone = Stretch::new(Step::Hour, at("2026-07-01T00:00:00Z"), at("2026-07-02T00:00:00Z")).unwrap();
        assert_eq!(gone.kept(now).length(), 0);
    }
}
