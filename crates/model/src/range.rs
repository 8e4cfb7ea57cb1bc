//! Ranges of bytes: those that are asked for (RFC 9110, section 14) and those that are uploaded.

use std::ops::Range;

/// Which bytes of something are to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of them: no range was asked for, or none that is understood.
    Whole,
    /// These alone: at least one, and none that is not there.
    Part(Range<u64>),
    /// There are no such bytes.
    Unsatisfiable,
}

enum Spec {
    From(u64),
    Between(u64, u64),
    Last(u64),
}

impl Selection {
    /// What a `Range` asks for of something that is `length` bytes long. Several ranges are not understood.
    pub fn parse(text: &str, length: u64) -> Self {
        spec(text).map_or(Self::Whole, |spec| spec.select(length))
    }
}

impl Spec {
    fn select(self, length: u64) -> Selection {
        match self {
            Self::Last(1..) if length == 0 => Selection::Whole,
            Self::Last(count @ 1..) => Selection::Part(length.saturating_sub(count)..length),
            Self::From(first) if first < length => Selection::Part(first..length),
            Self::Between(first, last) if first <= last && first < length => {
                Selection::Part(first..length.min(last.saturating_add(1)))
            }
            // A range that ends before it begins might as well be ignored; refusing it shows the client its mistake.
            Self::Last(0) | Self::From(_) | Self::Between(..) => Selection::Unsatisfiable,
        }
    }
}

fn spec(text: &str) -> Option<Spec> {
    let (unit, range) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    match range.trim().split_once('-')? {
        ("", count) => Some(Spec::Last(number(count)?)),
        (first, "") => Some(Spec::From(number(first)?)),
        (first, last) => Some(Spec::Between(number(first)?, number(last)?)),
    }
}

/// A number of any length; those that no file could reach are as good as the largest.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Where a part of an upload belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Its first byte.
    pub start: u64,
    /// How many bytes it has.
    pub length: u64,
}

impl Chunk {
    /// Reads a `Content-Range` as the distribution specification has it, `<first>-<last>`, or as HTTP has it,
    /// `bytes <first>-<last>/<total>`. `None` if it is neither, or the part does not lie inside of the total.
    pub fn parse(text: &str) -> Option<Self> {
        let (range, total) = match text.strip_prefix("bytes ") {
            None => (text, "*"),
            Some(rest) => rest.split_once('/')?,
        };
        let total = if total == "*" { u64::MAX } else { number(total)? };
        let (first, last) = range.split_once('-')?;
        let (start, end) = (number(first)?, number(last)?.checked_add(1)?);
        (start < end && end <= total).then(|| Self { start, length: end - start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_cut_to_what_is_there() {
        for (text, range) in [
            ("bytes=500-1499", 500..1500),
            ("bytes=500-", 500..2048),
            ("bytes=-500", 1548..2048),
            ("bytes=-5000", 0..2048),
            ("bytes=2000-5000", 2000..2048),
            ("bytes=0-0", 0..1),
            ("BYTES= 0-0", 0..1),
            ("bytes=0-99999999999999999999999", 0..2048),
            ("bytes=0-18446744073709551615", 0..2048),
        ] {
            assert_eq!(Selection::parse(text, 2048), Selection::Part(range), "{text}");
        }
    }

    #[test]
    fn ranges_without_bytes_are_unsatisfiable() {
        for text in
            ["bytes=2048-", "bytes=5000-10000", "bytes=500-0", "bytes=-0", "bytes=99999999999999999999999-"]
        {
            assert_eq!(Selection::parse(text, 2048), Selection::Unsatisfiable, "{text}");
        }
        assert_eq!(Selection::parse("bytes=0-", 0), Selection::Unsatisfiable);
        assert_eq!(Selection::parse("bytes=-1", 0), Selection::Whole);
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for text in [
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=0-1,4-5",
            "lines=0-1",
            "bytes=--1",
        ] {
            assert_eq!(Selection::parse(text, 2048), Selection::Whole, "{text}");
        }
    }

    #[test]
    fn the_range_of_a_chunk_is_inclusive_and_read_strictly() {
        assert_eq!(Chunk::parse("0-511"), Some(Chunk { start: 0, length: 512 }));
        assert_eq!(Chunk::parse("bytes 512-1023/2048"), Some(Chunk { start: 512, length: 512 }));
        assert_eq!(Chunk::parse("bytes 5-5/*"), Some(Chunk { start: 5, length: 1 }));
        for bad in [
            "",
            "-",
            "5",
            "5-",
            "-5",
            "5-4",
            "+1-2",
            " 0-1",
            "0-1 ",
            "0 - 1",
            "a-b",
            "bytes 0-1",
            "bytes=0-1",
            "bytes 0-1/x",
            "0-18446744073709551615",
            "0-18446744073709551616",
            "1-18446744073709551615",
            "18446744073709551616-18446744073709551616",
            "bytes 0-4/4",
        ] {
            assert_eq!(Chunk::parse(bad), None, "{bad}");
        }
    }
}
