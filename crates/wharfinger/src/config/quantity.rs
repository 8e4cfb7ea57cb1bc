//! From what was written to how much it means: durations, sizes and counts.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::value::Error;

/// Instants must stay within what the clock can count.
const LONGEST: Duration = Duration::from_secs(520 * 7 * 24 * 3600);
const MOST: usize = 1_000_000;
const LARGEST: u64 = 1 << 30;

/// Zero included.
pub(super) fn duration(text: &str) -> Result<Duration, Error> {
    let (number, unit) = number_and_unit(text).ok_or_else(|| Error::NotADuration(text.into()))?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 24 * 3600 * 1000,
        "w" => 7 * 24 * 3600 * 1000,
        _ => return Err(Error::NotADuration(text.into())),
    };
    let duration = number.and_then(|number| number.checked_mul(unit_ms)).map(Duration::from_millis);
    duration.filter(|duration| *duration <= LONGEST).ok_or_else(|| Error::TooLong(text.into()))
}

pub(super) fn positive_duration(text: &str) -> Result<Duration, Error> {
    match duration(text)? {
        Duration::ZERO => Err(Error::TooShort(text.into())),
        duration => Ok(duration),
    }
}

/// Durations with commas between, each in whole seconds: the API counts them so.
pub(super) fn windows(text: &str) -> Result<Vec<Duration>, Error> {
    let window = |text: &str| match duration(text)? {
        window if window.subsec_millis() == 0 => Ok(window),
        _ => Err(Error::NotInSeconds(text.into())),
    };
    text.split(',').map(str::trim).map(window).collect()
}

/// In bytes.
pub(super) fn size(text: &str) -> Result<usize, Error> {
    let (number, unit) = number_and_unit(text).ok_or_else(|| Error::NotASize(text.into()))?;
    let unit_bytes: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(Error::NotASize(text.into())),
    };
    let bytes = number.and_then(|number| number.checked_mul(unit_bytes));
    let bytes = bytes.filter(|bytes| (1..=LARGEST).contains(bytes));
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| Error::SizeOutOfRange(text.into()))
}

pub(super) fn count(text: &str) -> Result<NonZeroUsize, Error> {
    let count = match number_and_unit(text) {
        Some((Some(number), "")) => usize::try_from(number).ok().and_then(NonZeroUsize::new),
        _ => None,
    };
    count.filter(|count| count.get() <= MOST).ok_or_else(|| Error::NotACount(text.into()))
}

/// The digits in front, and what follows them. The number is none when it is too large to be counted.
fn number_and_unit(text: &str) -> Option<(Option<u64>, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() { None } else { Some((number.parse().ok(), unit)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, ms) in [
            ("0s", 0),
            ("250ms", 250),
            ("1m", 60_000),
            ("24h", 86_400_000),
            ("2w", 1_209_600_000),
            ("014d", 1_209_600_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "1", "s", "-1s", "+1s", "1.5s", "1 s", "1S", "1s ", "1min", "١s"] {
            assert_eq!(duration(text), Err(Error::NotADuration(text.into())), "{text}");
        }
        for text in ["521w", "99999999999999999999s", "18446744073709551615w"] {
            assert_eq!(duration(text), Err(Error::TooLong(text.into())), "{text}");
        }
        assert_eq!(positive_duration("0w"), Err(Error::TooShort("0w".into())));
    }

    #[test]
    fn windows_are_durations_in_seconds_with_commas_between() {
        assert_eq!(windows("0s, 1d"), Ok(vec![Duration::ZERO, Duration::from_secs(86_400)]));
        assert_eq!(windows("1d,250ms"), Err(Error::NotInSeconds("250ms".into())));
        for text in ["", "1d,", "1d 2d"] {
            assert!(matches!(windows(text), Err(Error::NotADuration(_))), "{text}");
        }
    }

    #[test]
    fn sizes_are_a_number_and_perhaps_a_unit() {
        for (text, bytes) in [("1", 1), ("17B", 17), ("2KiB", 2048), ("4MiB", 4 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "4MB", "4 MiB", "-4MiB", "4mib"] {
            assert_eq!(size(text), Err(Error::NotASize(text.into())), "{text}");
        }
        for text in ["0", "2GiB", "18446744073709551616"] {
            assert_eq!(size(text), Err(Error::SizeOutOfRange(text.into())), "{text}");
        }
    }
}
