//! Instants, as the whole program counts them.

use std::fmt;
use std::time::Duration;

/// Milliseconds since 1970-01-01 00:00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant of the year 10000, from which dates can't be written any more.
    pub const YEAR_10000: Self = Self(253_402_300_800_000);

    /// Before every other instant.
    pub const BEGINNING: Self = Self(i64::MIN);

    /// After every other instant.
    pub const END: Self = Self(i64::MAX);

    /// `ms` milliseconds since the epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Epoch seconds, with a fraction that is cut off. What lies beyond the range becomes the range's end.
    pub fn from_seconds(seconds: f64) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "a float cast saturates, as documented")]
        Self((seconds.trunc() as i64).saturating_mul(1000))
    }

    /// The first instant of the day, counted from 1970-01-01.
    pub const fn from_day(day: i64) -> Self {
        Self(day.saturating_mul(DAY_MS))
    }

    /// The first instant of a day that is written as Quay's API reads them: month, day and year, as in `08/03/2026`.
    pub fn from_quay_day(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let mut number = |most: usize| {
            let part = parts.next().filter(|part| (1..=most).contains(&part.len()))?;
            let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { part.parse::<i16>().ok() } else { None }
        };
        let (month, day, year) = (number(2)?, number(2)?, number(4)?);
        if parts.next().is_some() {
            return None;
        }
        let date = jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        let epoch = jiff::civil::date(1970, 1, 1);
        Some(Self::from_day(i64::from((date - epoch).get_days())))
    }

    /// Milliseconds since the epoch.
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// The day, counted from 1970-01-01, UTC.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// The month, counted from January 1970, UTC; 0 for instants that no calendar date has.
    pub fn month(self) -> i64 {
        let date = jiff::civil::Date::from(calendar(self));
        (i64::from(date.year()) - 1970) * 12 + i64::from(date.month()) - 1
    }

    /// The first instant of the month, counted from January 1970; the end of the calendar for months that it has not.
    pub fn from_month(month: i64) -> Self {
        let (year, month) = (month.div_euclid(12).saturating_add(1970), month.rem_euclid(12) + 1);
        let date = i16::try_from(year).ok().zip(i8::try_from(month).ok());
        let date = date.and_then(|(year, month)| jiff::civil::Date::new(year, month, 1).ok());
        date.map_or(Self::YEAR_10000, |date| {
            Self::from_day(i64::from((date - jiff::civil::date(1970, 1, 1)).get_days()))
        })
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// As in `Mon, 03 Aug 2026 09:05:07 -0000`: how Quay's API writes dates, in UTC.
/// Instants that no calendar date has are written as the epoch.
pub struct QuayDate(pub Timestamp);

impl fmt::Display for QuayDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", calendar(self.0).strftime("%a, %d %b %Y %H:%M:%S -0000"))
    }
}

/// What calendar and clock show in UTC, to the second; the epoch for instants that no calendar date has.
fn calendar(instant: Timestamp) -> jiff::civil::DateTime {
    // The calendar reaches to the end of the year 9999; the library's instants end a day before.
    let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
    epoch.checked_add(jiff::SignedDuration::from_secs(instant.as_seconds())).unwrap_or(epoch)
}

/// As in `2026-08-03T09:05:07.120Z`: how the distribution API writes instants, in UTC (RFC 3339).
/// Instants that no calendar date has are written as the epoch.
pub struct Rfc3339(pub Timestamp);

impl Rfc3339 {
    /// Reads an instant of whatever zone, which may be finer than a millisecond: the whole milliseconds that are not
    /// later and not earlier. `None` when it is not one.
    pub fn parse(text: &str) -> Option<(Timestamp, Timestamp)> {
        let ns = text.parse::<jiff::Timestamp>().ok()?.as_nanosecond();
        let floor = i64::try_from(ns.div_euclid(NS_IN_MS)).ok()?;
        let ceiling = if ns.rem_euclid(NS_IN_MS) == 0 { floor } else { floor + 1 };
        Some((Timestamp(floor), Timestamp(ceiling)))
    }
}

/// Milliseconds in a day.
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Nanoseconds in a millisecond.
const NS_IN_MS: i128 = 1_000_000;

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_millisecond(self.0.as_ms()).unwrap_or_default();
        write!(f, "{instant:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_two_digit_days_and_the_zone_quay_writes() {
        assert_eq!(
            QuayDate(Timestamp::from_ms(1_785_747_907_999)).to_string(),
            "Mon, 03 Aug 2026 09:05:07 -0000"
        );
        assert_eq!(QuayDate(Timestamp::from_ms(i64::MAX)).to_string(), "Thu, 01 Jan 1970 00:00:00 -0000");
    }

    #[test]
    fn instants_are_written_to_the_millisecond_and_read_from_any_zone() {
        for (ms, text) in [(1_785_747_907_120, "2026-08-03T09:05:07.120Z"), (0, "1970-01-01T00:00:00.000Z")] {
            let instant = Timestamp::from_ms(ms);
            assert_eq!(Rfc3339(instant).to_string(), text);
            assert_eq!(Rfc3339::parse(text), Some((instant, instant)));
        }
        let parse = |text| Rfc3339::parse(text).map(|(floor, ceiling)| (floor.as_ms(), ceiling.as_ms()));
        assert_eq!(parse("1970-01-01T02:00:01+02:00"), Some((1000, 1000)));
        assert_eq!(parse("1970-01-01T00:00:00.0000001Z"), Some((0, 1)));
        assert_eq!(parse("1969-12-31T23:59:59.9999Z"), Some((-1, 0)));
        for bad in
            ["", "now", "2026-08-03", "2026-08-03T09:05:07", "2026-13-03T09:05:07Z", "99999-01-01T00:00:00Z"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_are_month_day_and_year() {
        for (text, ms) in [
            ("08/03/2026", 1_785_715_200_000),
            ("8/3/2026", 1_785_715_200_000),
            ("01/01/1970", 0),
            ("12/31/1969", -86_400_000),
            ("02/29/2024", 1_709_164_800_000),
        ] {
            assert_eq!(Timestamp::from_quay_day(text), Some(Timestamp::from_ms(ms)), "{text}");
        }
        for bad in [
            "",
            "08/03",
            "08/03/2026/1",
            "13/01/2026",
            "02/29/2026",
            "2026-08-03",
            "+8/03/2026",
            "08/03/20260",
            "008/03/2026",
            " 8/3/2026",
            "a/b/c",
            "//",
        ] {
            assert_eq!(Timestamp::from_quay_day(bad), None, "{bad}");
        }
    }

    #[test]
    fn seconds_are_cut_and_never_overflow() {
        assert_eq!(Timestamp::from_seconds(1.9).as_ms(), 1000);
        assert_eq!(Timestamp::from_seconds(1e300).as_ms(), i64::MAX);
        assert_eq!(Timestamp::from_seconds(-1e300).as_ms(), i64::MIN);
        assert_eq!(Timestamp::from_ms(-1).as_seconds(), -1);
    }
}
