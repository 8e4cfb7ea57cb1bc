//! What is asked for: from when, to when, how long the buckets are, how many tags.

use std::time::Duration;

use wharfinger_model::series::{Step, Stretch, TooLong};
use wharfinger_model::{Rfc3339, Timestamp};

use crate::problem::quay::Problem;
use crate::quay::request::Query;

/// Tags that are told when nothing is said.
const USUAL_TOP: i64 = 10;
/// Tags that are told at most.
const MOST_TOP: i64 = 100;

/// The buckets that are asked for.
pub(super) fn stretch(query: &Query<'_>, now: Timestamp) -> Result<Stretch, Problem> {
    let step = match query.text("step") {
        Some(text) => text.parse().map_err(|_| invalid("step", "`hour`, `day` or `month`"))?,
        None => Step::Day,
    };
    let (from, to) = span(query, step, now)?;
    Stretch::new(step, from, to).map_err(|TooLong| {
        let most = Stretch::LONGEST;
        Problem::invalid_request(format!(
            "that would be more than {most} buckets: ask for fewer, or longer ones"
        ))
    })
}

/// From when to when.
pub(super) fn span(query: &Query<'_>, step: Step, now: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
    let read = |name| {
        let text = query.text(name);
        let expected = "an instant from 1970 to 9999, as `2026-08-03T09:05:07Z` or in seconds since 1970";
        text.map(|text| read_instant(&text).ok_or_else(|| invalid(name, expected))).transpose()
    };
    // The present instant belongs to what is told up to now.
    let to = read("to")?.map_or(now + Duration::from_millis(1), |(_, ceiling)| ceiling);
    let usual = (to - step.usual_span()).max(Timestamp::from_ms(0));
    let from = read("from")?.map_or(usual, |(floor, _)| floor);
    if to < from { Err(Problem::invalid_request("`to` must not lie before `from`")) } else { Ok((from, to)) }
}

/// An instant of RFC 3339 or in seconds since 1970: the whole milliseconds that are not later and not earlier. The `+` of
/// an offset that was not encoded is read as a blank.
fn read_instant(text: &str) -> Option<(Timestamp, Timestamp)> {
    let (floor, ceiling) = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let instant = Timestamp::from_ms(text.parse::<i64>().ok()?.checked_mul(1000)?);
        (instant, instant)
    } else {
        Rfc3339::parse(&text.replace(' ', "+"))?
    };
    let has_date = Timestamp::from_ms(0) <= floor && ceiling < Timestamp::YEAR_10000;
    // The end of its bucket is told, too.
    (has_date && Step::Month.ceiling(ceiling) < Timestamp::YEAR_10000).then_some((floor, ceiling))
}

/// How many tags are told.
pub(super) fn limit(query: &Query<'_>) -> Result<i64, Problem> {
    let Some(text) = query.text("limit") else { return Ok(USUAL_TOP) };
    let limit = text.parse().ok().filter(|limit| (1..=MOST_TOP).contains(limit));
    limit.ok_or_else(|| invalid("limit", "a whole number from 1 to 100"))
}

/// That a parameter is not what it must be.
pub(super) fn invalid(parameter: &str, should_be: &str) -> Problem {
    Problem::invalid_request(format!("the parameter `{parameter}` must be {should_be}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;
    use crate::quay::pull_series::answers::instant;
    use crate::quay::pull_series::{SERIES, TOP};

    /// Mon, 03 Aug 2026 09:05:07.
    const NOW: Timestamp = Timestamp::from_ms(1_785_747_907_000);

    fn asked(query: &str) -> Result<(String, String, usize), Problem> {
        let stretch = stretch(&Query::new(query, SERIES), NOW)?;
        Ok((instant(stretch.start()), instant(stretch.end()), stretch.length()))
    }

    #[test]
    fn what_is_not_said_is_the_time_until_now() {
        for (query, from, to, length) in [
            ("", "2026-07-04T00:00:00Z", "2026-08-04T00:00:00Z", 31),
            ("step=hour", "2026-08-02T09:00:00Z", "2026-08-03T10:00:00Z", 25),
            ("step=month", "2025-08-01T00:00:00Z", "2026-09-01T00:00:00Z", 13),
            ("from=&to=&step=", "2026-07-04T00:00:00Z", "2026-08-04T00:00:00Z", 31),
            ("from=2026-08-01T00:00:00Z&to=1785715200", "2026-08-01T00:00:00Z", "2026-08-03T00:00:00Z", 2),
            (
                "from=2026-08-01T00:30:00 01:00&to=1785715200",
                "2026-07-31T00:00:00Z",
                "2026-08-03T00:00:00Z",
                3,
            ),
            ("to=0", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", 0),
            (
                "from=9999-11-30T00:00:00Z&to=9999-12-01T00:00:00Z",
                "9999-11-30T00:00:00Z",
                "9999-12-01T00:00:00Z",
                1,
            ),
        ] {
            assert_eq!(asked(query).unwrap(), (from.into(), to.into(), length), "{query}");
        }
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for query in [
            "step=week",
            "step=HOUR",
            "from=yesterday",
            "from=-1",
            "from=2026-08-03",
            "to=9999-12-01T00:00:00.001Z",
            "to=253402300800",
            "to=253402300801",
            "to=99999999999999999999",
            "from=2026-08-02T00:00:00Z&to=2026-08-01T23:59:59Z",
            "from=2027-01-01T00:00:00Z",
            "step=hour&from=0",
        ] {
            assert!(asked(query).is_err(), "{query}");
        }
        for bad in ["0", "101", "-1", "x", "1.5"] {
            assert!(limit(&Query::new(&format!("limit={bad}"), TOP)).is_err(), "{bad}");
        }
        assert_eq!(limit(&Query::new("limit=100", TOP)).unwrap(), 100);
    }
}
