//! Lengths of time in the words of Quay's labels and policies.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

/// A length of time as policies and labels have it: a whole number, not zero, and a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    number: NonZeroU64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Year,
}

impl Unit {
    const ALL: [(char, Self); 6] = [
        ('s', Self::Second),
        ('m', Self::Minute),
        ('h', Self::Hour),
        ('d', Self::Day),
        ('w', Self::Week),
        ('y', Self::Year),
    ];

    fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 24 * 3600,
            Self::Week => 7 * 24 * 3600,
            Self::Year => 365 * 24 * 3600,
        }
    }
}

/// Longest period, in seconds: beyond it there are no dates to count from.
const LONGEST_S: u64 = 10_000 * 365 * 24 * 3600;

impl Period {
    /// How long it is; a year has 365 days.
    pub fn length(self) -> Duration {
        Duration::from_secs(self.number.get() * self.unit.seconds())
    }
}

/// The text is no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a period is a whole number above zero and one of s, m, h, d, w and y, as in `30d`")]
pub struct InvalidPeriod;

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, InvalidPeriod> {
        let letter = text.chars().next_back().ok_or(InvalidPeriod)?;
        let (_, unit) = Unit::ALL.into_iter().find(|(of, _)| *of == letter).ok_or(InvalidPeriod)?;
        let digits = text.strip_suffix(letter).unwrap_or_default();
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidPeriod);
        }
        let number: NonZeroU64 = digits.parse().map_err(|_| InvalidPeriod)?;
        let seconds = number.get().checked_mul(unit.seconds()).filter(|seconds| *seconds <= LONGEST_S);
        seconds.map(|_| Self { number, unit }).ok_or(InvalidPeriod)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = Unit::ALL.into_iter().find_map(|(letter, unit)| (unit == self.unit).then_some(letter));
        write!(f, "{}{}", self.number, letter.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_period_is_a_whole_number_above_zero_and_a_unit() {
        for (text, seconds) in [
            ("1s", 1),
            ("2m", 120),
            ("3h", 10_800),
            ("4d", 345_600),
            ("2w", 1_209_600),
            ("1y", 31_536_000),
            ("007d", 604_800),
        ] {
            assert_eq!(
                text.parse::<Period>().map(Period::length),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        for bad in [
            "",
            "d",
            "5",
            "0d",
            "-5d",
            "+5d",
            "1.5h",
            "5 d",
            " 5d",
            "5d ",
            "5D",
            "5ms",
            "1d12h",
            "d5",
            "٣d",
            "5é",
            "10001y",
            "18446744073709551615s",
            "99999999999999999999s",
        ] {
            assert_eq!(bad.parse::<Period>(), Err(InvalidPeriod), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_what_was_read_prints_as_the_same(text in "\\PC{0,20}|[0-9]{1,20}[smhdwy]") {
            if let Ok(period) = text.parse::<Period>() {
                prop_assert_eq!(period.to_string().parse(), Ok(period));
            }
        }
    }
}
