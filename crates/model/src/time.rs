//! Instants, as the whole program counts them.

use std::fmt;
use std::time::Duration;

/// Milliseconds since 1970-01-01 00:00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant of the year 10000, from which dates can't be written any more.
    pub const YEAR_10000: Self = Self(253_402_300_800_000);

    /// `ms` milliseconds since the epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Epoch seconds, with a fraction that is cut off. What lies beyond the range becomes the range's end.
    pub fn from_seconds(seconds: f64) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "a float cast saturates, as documented")]
        Self((seconds.trunc() as i64).saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn as_ms(self) -> i64 {
        self.0
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
        // The calendar reaches to the end of the year 9999; the library's instants end a day before.
        let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
        let since = jiff::SignedDuration::from_secs(self.0.as_seconds());
        let date = epoch.checked_add(since).unwrap_or(epoch);
        write!(f, "{}", date.strftime("%a, %d %b %Y %H:%M:%S -0000"))
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
    fn seconds_are_cut_and_never_overflow() {
        assert_eq!(Timestamp::from_seconds(1.9).as_ms(), 1000);
        assert_eq!(Timestamp::from_seconds(1e300).as_ms(), i64::MAX);
        assert_eq!(Timestamp::from_seconds(-1e300).as_ms(), i64::MIN);
        assert_eq!(Timestamp::from_ms(-1).as_seconds(), -1);
    }
}
