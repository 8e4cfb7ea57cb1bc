//! Chapter "pullstatistics": pulls over time, as JSON or CSV. It is none of Quay's.

use std::fmt::Write as _;
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::series::{PullMethod, Split, Step, Stretch, TooLong};
use wharfinger_model::{ClientKind, Rfc3339, Scope, Timestamp};
use wharfinger_registry::pulls::series::{self, Namespace, Of, Point, Series, TagTotal};
use wharfinger_registry::tags;

use super::operation::{Access, Answer, Operation, Parameter};
use super::request::Query;
use super::{Call, wire};
use crate::problem::quay::Problem;

/// Tags that are told when nothing is said.
const USUAL_TOP: i64 = 10;
/// Tags that are told at most.
const MOST_TOP: i64 = 100;

const FROM: Parameter = Parameter::text(
    "from",
    "The first instant, as in `2026-08-03T09:05:07Z` or in seconds since 1970. Default a day before `to` for hours, 30 days \
     for days, 365 days for months.",
);
const TO: Parameter = Parameter::text(
    "to",
    "The first instant that does not belong to it any more, written alike. Default now.",
);
const STEP: Parameter =
    Parameter::text("step", "How long each bucket is: `hour`, `day` or `month`, in UTC. Default `day`.");
const FORMAT: Parameter =
    Parameter::text("format", "`json` or `csv`. Default what `Accept` asks for, or else `json`.");
const LIMIT: Parameter = Parameter::text("limit", "How many tags are told, from 1 to 100. Default 10.");

const SERIES: &[Parameter] = &[FROM, TO, STEP, FORMAT];
const TOP: &[Parameter] = &[FROM, TO, LIMIT, FORMAT];
const TOLD: Answer = Answer::of::<WireSeries>(StatusCode::OK, "The buckets, oldest first; or lines of CSV.");
const TOP_TOLD: Answer =
    Answer::of::<WireTop>(StatusCode::OK, "The tags, most pulled first; or lines of CSV.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "getRepoPullSeries",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/pull_statistics/series",
        access: Access::Scope(Scope::RepoRead),
        summary: "Tell how often anything in a repository was pulled over time.",
        query: SERIES,
        body: None,
        answers: &[TOLD],
        handler: |call, _| Box::pin(of(call, Of::Repository)),
    },
    Operation {
        id: "getTagPullSeries",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/tag/{tag}/pull_statistics/series",
        access: Access::Scope(Scope::RepoRead),
        summary: "Tell how often a tag was pulled over time, since it was last deleted.",
        query: SERIES,
        body: None,
        answers: &[TOLD],
        handler: |call, _| Box::pin(of(call, Of::Tag(call.param("tag").to_owned()))),
    },
    Operation {
        id: "getManifestPullSeries",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/manifest/{manifestref}/pull_statistics/series",
        access: Access::Scope(Scope::RepoRead),
        summary: "Tell how often a manifest was pulled over time, by any name.",
        query: SERIES,
        body: None,
        answers: &[TOLD],
        handler: |call, _| Box::pin(of(call, Of::Manifest(call.param("manifestref").to_owned()))),
    },
    Operation {
        id: "getOrgTopTags",
        method: Method::GET,
        path: "/api/v1/organization/{orgname}/pull_statistics/top",
        access: Access::Scope(Scope::OrgAdmin),
        summary: "List the tags of an organization that were pulled most.",
        query: TOP,
        body: None,
        answers: &[TOP_TOLD],
        handler: |call, _| Box::pin(top(call, Namespace::Organization(call.param("orgname").to_owned()))),
    },
    Operation {
        id: "getUserTopTags",
        method: Method::GET,
        path: "/api/v1/user/pull_statistics/top",
        access: Access::Scope(Scope::UserAdmin),
        summary: "List the tags of one's own namespace that were pulled most.",
        query: TOP,
        body: None,
        answers: &[TOP_TOLD],
        handler: |call, _| Box::pin(top(call, Namespace::Own)),
    },
];

async fn of(call: &Call<'_>, of: Of) -> Result<Response, Problem> {
    let name = call.repository()?;
    let asked = stretch(&call.query(), call.registry.now()).and_then(|stretch| Ok((stretch, format(call)?)));
    let (stretch, format) = match asked {
        Ok(asked) => asked,
        Err(problem) => {
            // Whoever may not read the repository hears that, and nothing of the query.
            tags::authorize_read(call.registry, &call.caller, &name).await?;
            return Err(problem);
        }
    };
    let told = series::of(call.registry, &call.caller, &name, of, stretch).await?;
    let document = WireSeries::from(told);
    Ok(format.answer(&document, WireSeries::csv))
}

async fn top(call: &Call<'_>, namespace: Namespace) -> Result<Response, Problem> {
    let asked = span(&call.query(), Step::Day, call.registry.now())
        .and_then(|span| Ok((span, limit(&call.query())?, format(call)?)));
    let ((from, to), limit, format) = match asked {
        Ok(asked) => asked,
        Err(problem) => {
            series::authorize_top(call.registry, &call.caller, namespace).await?;
            return Err(problem);
        }
    };
    let top = series::top_tags(call.registry, &call.caller, namespace, (from, to), limit).await?;
    let tags = top.into_iter().map(WireTotal::from).collect();
    let document = WireTop { from: instant(Step::Hour.start(from)), to: instant(to), tags };
    Ok(format.answer(&document, WireTop::csv))
}

fn stretch(query: &Query<'_>, now: Timestamp) -> Result<Stretch, Problem> {
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

fn span(query: &Query<'_>, step: Step, now: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
    let read = |name| {
        let text = query.text(name);
        let expected = "an instant from 1970 on, as `2026-08-03T09:05:07Z` or in seconds since 1970";
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
    let has_date = Timestamp::from_ms(0) <= floor && ceiling <= Timestamp::YEAR_10000;
    has_date.then_some((floor, ceiling))
}

fn limit(query: &Query<'_>) -> Result<i64, Problem> {
    let Some(text) = query.text("limit") else { return Ok(USUAL_TOP) };
    let limit = text.parse().ok().filter(|limit| (1..=MOST_TOP).contains(limit));
    limit.ok_or_else(|| invalid("limit", "a whole number from 1 to 100"))
}

fn invalid(parameter: &str, should_be: &str) -> Problem {
    Problem::invalid_request(format!("the parameter `{parameter}` must be {should_be}"))
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

fn format(call: &Call<'_>) -> Result<Format, Problem> {
    match call.query().text("format").as_deref() {
        Some("json") => Ok(Format::Json),
        Some("csv") => Ok(Format::Csv),
        Some(_) => Err(invalid("format", "`json` or `csv`")),
        None if accepts_csv(&call.parts.headers) => Ok(Format::Csv),
        None => Ok(Format::Json),
    }
}

/// Whether CSV is asked for by name, and JSON is not asked for before it.
fn accepts_csv(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = values
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    types
        .find(|range| matches!(&**range, "text/csv" | "application/json"))
        .is_some_and(|range| range == "text/csv")
}

impl Format {
    fn answer<T: Serialize>(self, document: &T, csv: fn(&T) -> String) -> Response {
        let mut response = match self {
            Self::Json => wire::json(StatusCode::OK, document),
            Self::Csv => {
                let headers =
                    [(CONTENT_TYPE, "text/csv; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
                (StatusCode::OK, headers, csv(document)).into_response()
            }
        };
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
        response
    }
}

/// As in `2026-08-03T09:00:00Z`.
fn instant(instant: Timestamp) -> String {
    Rfc3339(instant).to_string().replace(".000Z", "Z")
}

/// Pulls over time.
#[derive(Serialize, ToSchema)]
#[schema(as = PullSeries)]
struct WireSeries {
    /// Where the first bucket begins: later than was asked for, if buckets of this length are not kept for so long.
    from: String,
    /// Where the last bucket ends.
    to: String,
    /// How long each is: `hour`, `day` or `month`.
    step: &'static str,
    /// Oldest first. One in which nothing was pulled has zeros.
    points: Vec<WirePoint>,
}

/// What was pulled in a bucket.
#[derive(Serialize, ToSchema)]
#[schema(as = PullPoint)]
struct WirePoint {
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

impl From<Series> for WireSeries {
    fn from(Series { stretch, points }: Series) -> Self {
        let points = points.iter().enumerate().map(|(place, point)| WirePoint {
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

impl WireSeries {
    fn csv(&self) -> String {
        let mut csv = "start,pulls,get_engine,get_builder,get_monitor,get_other,\
                       head_engine,head_builder,head_monitor,head_other,unique_clients\r\n"
            .to_owned();
        for WirePoint { start, pulls, get, head, unique_clients } in &self.points {
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
#[schema(as = TopTags)]
struct WireTop {
    from: String,
    to: String,
    /// Most pulled first.
    tags: Vec<WireTotal>,
}

/// How often a tag was pulled.
#[derive(Serialize, ToSchema)]
#[schema(as = TagTotal)]
struct WireTotal {
    /// The repository's name in its namespace.
    repository: String,
    tag: String,
    pulls: i64,
}

impl From<TagTotal> for WireTotal {
    fn from(TagTotal { repository, tag, pulls }: TagTotal) -> Self {
        Self { repository, tag: tag.as_str().to_owned(), pulls }
    }
}

impl WireTop {
    fn csv(&self) -> String {
        let mut csv = "repository,tag,pulls\r\n".to_owned();
        for WireTotal { repository, tag, pulls } in &self.tags {
            // No name holds a comma or a quotation mark.
            let _ = write!(csv, "{repository},{tag},{pulls}\r\n");
        }
        csv
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;

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

    #[test]
    fn csv_is_what_is_asked_for_first() {
        let accepts = |value| accepts_csv(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(value))]));
        for csv in
            ["text/csv", "Text/CSV; charset=utf-8", "text/csv, application/json", "text/html, text/csv"]
        {
            assert!(accepts(csv), "{csv}");
        }
        for json in ["", "*/*", "application/json, text/csv", "text/*"] {
            assert!(!accepts(json), "{json}");
        }
    }

    #[test]
    fn a_bucket_is_a_line_of_csv() {
        let stretch = Stretch::new(Step::Day, NOW, NOW + Duration::from_secs(24 * 3600)).unwrap();
        let (get, head) = (
            Split { method: PullMethod::Get, client: ClientKind::Engine },
            Split { method: PullMethod::Head, client: ClientKind::Other },
        );
        let first = Point { pulls: vec![(get, 3), (head, 1), (get, 2)], clients: Some(4) };
        let csv = WireSeries::from(Series { stretch, points: vec![first, Point::default()] }).csv();
        let lines: Vec<_> = csv.split("\r\n").skip(1).collect();
        let expected =
            ["2026-08-03T00:00:00Z,6,5,0,0,0,0,0,0,1,4", "2026-08-04T00:00:00Z,0,0,0,0,0,0,0,0,0,", ""];
        assert_eq!(lines, expected);
    }
}
