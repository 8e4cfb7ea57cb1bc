//! What is answered.

use std::fmt::Write as _;

use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::series::{PullMethod, Split};
use wharfinger_model::{ClientKind, Rfc3339, Timestamp};
use wharfinger_registry::pulls::series::{self, Point, TagTotal, Top};

/// As in `2026-08-03T09:00:00Z`.
pub(super) fn instant(instant: Timestamp) -> String {
    Rfc3339(instant).to_string().replace(".000Z", "Z")
}

/// Pulls over time.
#[derive(Serialize, ToSchema)]
#[schema(as = PullSeries)]
pub(super) struct Series {
    /// Where the first bucket begins: later than was asked for, if buckets of this length are not kept for so long.
    from: String,
    /// Where the last bucket ends.
    to: String,
    /// How long each is: `hour`, `day` or `month`.
    step: &'static str,
    /// Oldest first. One in which nothing was pulled has zeros.
    points: Vec<PullPoint>,
}

/// What was pulled in a bucket.
#[derive(Serialize, ToSchema)]
struct PullPoint {
    /// The bucket's first instant.
    start: String,
    /// All of them.
    pulls: i64,
    /// Those that asked for the manifest, by kind of client.
    get: ByClient,
    /// Those that only looked for it, by kind of client.
    head: ByClient,
    /// How many addresses they came from: exact up to 1,024, and beyond it an estimate. Null for what is no day.
    #[schema(required)]
    unique_clients: Option<i64>,
}

/// How many pulls by each kind of client, as it calls itself.
#[derive(Serialize, ToSchema)]
#[schema(as = PullsByClient)]
struct ByClient {
    /// What runs containers.
    engine: i64,
    /// What builds images.
    builder: i64,
    /// Scanners, and what watches for new versions.
    monitor: i64,
    /// Anything else.
    other: i64,
}

impl ByClient {
    fn new(point: &Point, method: PullMethod) -> Self {
        let of = |client| {
            let split = Split { method, client };
            point.pulls.iter().filter(|(of, _)| *of == split).map(|(_, pulls)| pulls).sum()
        };
        Self {
            engine: of(ClientKind::Engine),
            builder: of(ClientKind::Builder),
            monitor: of(ClientKind::Monitor),
            other: of(ClientKind::Other),
        }
    }
}

impl From<series::Series> for Series {
    fn from(series::Series { stretch, points }: series::Series) -> Self {
        let points = points.iter().enumerate().map(|(place, point)| PullPoint {
            start: instant(stretch.start_of(place)),
            pulls: point.pulls.iter().map(|(_, pulls)| pulls).sum(),
            get: ByClient::new(point, PullMethod::Get),
            head: ByClient::new(point, PullMethod::Head),
            unique_clients: point.clients,
        });
        Self {
            from: instant(stretch.start()),
            to: instant(stretch.end()),
            step: stretch.step.as_str(),
            points: points.collect(),
        }
    }
}

impl Series {
    pub(super) fn csv(&self) -> String {
        let mut csv = "start,pulls,get_engine,get_builder,get_monitor,get_other,\
                       head_engine,head_builder,head_monitor,head_other,unique_clients\r\n"
            .to_owned();
        for PullPoint { start, pulls, get, head, unique_clients } in &self.points {
            let _ = write!(csv, "{start},{pulls}");
            for ByClient { engine, builder, monitor, other } in [get, head] {
                let _ = write!(csv, ",{engine},{builder},{monitor},{other}");
            }
            let unique = unique_clients.map(|clients| clients.to_string()).unwrap_or_default();
            let _ = write!(csv, ",{unique}\r\n");
        }
        csv
    }
}

/// The tags of a namespace that were pulled most.
#[derive(Serialize, ToSchema)]
pub(super) struct TopTags {
    /// Where the time begins: where the hour does that was asked for, or the day or month, if it is not kept by the hour
    /// any more.
    from: String,
    /// Where it ends, alike.
    to: String,
    /// Most pulled first.
    tags: Vec<TagPulls>,
}

/// How often a tag was pulled.
#[derive(Serialize, ToSchema)]
#[schema(as = TagTotal)]
struct TagPulls {
    /// The repository's name in its namespace.
    repository: String,
    tag: String,
    pulls: i64,
}

impl From<TagTotal> for TagPulls {
    fn from(TagTotal { repository, tag, pulls }: TagTotal) -> Self {
        Self { repository, tag: tag.as_str().to_owned(), pulls }
    }
}

impl From<Top> for TopTags {
    fn from(Top { from, to, tags }: Top) -> Self {
        Self { from: instant(from), to: instant(to), tags: tags.into_iter().map(TagPulls::from).collect() }
    }
}

impl TopTags {
    pub(super) fn csv(&self) -> String {
        let mut csv = "repository,tag,pulls\r\n".to_owned();
        for TagPulls { repository, tag, pulls } in &self.tags {
            // No name holds a comma or a quotation mark.
            let _ = write!(csv, "{repository},{tag},{pulls}\r\n");
        }
        csv
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use std::time::Duration;

    use wharfinger_model::series::{Step, Stretch};

    use super::*;

    /// Mon, 03 Aug 2026 09:05:07.
    const NOW: Timestamp = Timestamp::from_ms(1_785_747_907_000);

    #[test]
    fn a_bucket_is_a_line_of_csv() {
        let stretch = Stretch::new(Step::Day, NOW, NOW + Duration::from_secs(24 * 3600)).unwrap();
        let (get, head) = (
            Split { method: PullMethod::Get, client: ClientKind::Engine },
            Split { method: PullMethod::Head, client: ClientKind::Other },
        );
        let first = Point { pulls: vec![(get, 3), (head, 1), (get, 2)], clients: Some(4) };
        let csv = Series::from(series::Series { stretch, points: vec![first, Point::default()] }).csv();
        let lines: Vec<_> = csv.split("\r\n").skip(1).collect();
        let expected =
            ["2026-08-03T00:00:00Z,6,5,0,0,0,0,0,0,1,4", "2026-08-04T00:00:00Z,0,0,0,0,0,0,0,0,0,", ""];
        assert_eq!(lines, expected);
    }
}
