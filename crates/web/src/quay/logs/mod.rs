//! Chapter "logs": what was done, by whom and when.

pub(super) mod export;

use std::time::Duration;

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use wharfinger_model::{Scope, Timestamp};
use wharfinger_registry::logs::{
    self, Log, LogEntry, LogQuery, Namespace, Performer, Place, Position, Total,
};

use super::operation::{Access, Answer, Operation, Parameter};
use super::request::Query;
use super::wire::{self, Avatar, AvatarKind, date};
use super::{Call, lookup};
use crate::problem::quay::Problem;

const DAY: Duration = Duration::from_secs(24 * 3600);

const SINCE: Parameter =
    Parameter::text("starttime", "The first day, as MM/DD/YYYY in UTC. Default yesterday.");
const UNTIL: Parameter = Parameter::text("endtime", "The last day, as MM/DD/YYYY in UTC. Default today.");
const PERFORMER: Parameter = Parameter::text("performer", "Only what the user with this name did.");
const DAYS: &[Parameter] = &[SINCE, UNTIL, PERFORMER];
const PAGED: &[Parameter] =
    &[SINCE, UNTIL, PERFORMER, Parameter::text("next_page", "Where the page before said that it goes on.")];

const ALL: &str = "/api/v1/superuser/logs";
const ALL_TOTALS: &str = "/api/v1/superuser/aggregatelogs";
const PAGE: Answer = Answer::of::<Listed>(StatusCode::OK, "A page of the log.");
const TOTALS: Answer = Answer::of::<Totals>(StatusCode::OK, "How often each day, by kind.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listRepoLogs",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/logs",
        access: Access::Scope(Scope::RepoAdmin),
        summary: "List what was done in a repository, newest first.",
        query: PAGED,
        body: None,
        answers: &[PAGE],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "getAggregateRepoLogs",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/aggregatelogs",
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Count what was done in a repository each day.",
        query: DAYS,
        body: None,
        answers: &[TOTALS],
        handler: |call, _| Box::pin(totals(call)),
    },
    Operation {
        id: "listOrgLogs",
        method: Method::GET,
        path: "/api/v1/organization/{orgname}/logs",
        access: Access::Scope(Scope::OrgAdmin),
        summary: "List what was done in an organization, newest first.",
        query: PAGED,
        body: None,
        answers: &[PAGE],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "getAggregateOrgLogs",
        method: Method::GET,
        path: "/api/v1/organization/{orgname}/aggregatelogs",
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Count what was done in an organization each day.",
        query: DAYS,
        body: None,
        answers: &[TOTALS],
        handler: |call, _| Box::pin(totals(call)),
    },
    Operation {
        id: "listUserLogs",
        method: Method::GET,
        path: "/api/v1/user/logs",
        access: Access::Scope(Scope::UserAdmin),
        summary: "List what was done in one's own namespace, newest first.",
        query: PAGED,
        body: None,
        answers: &[PAGE],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "getAggregateUserLogs",
        method: Method::GET,
        path: "/api/v1/user/aggregatelogs",
        access: Access::Scope(Scope::UserAdmin),
        summary: "Count what was done in one's own namespace each day.",
        query: DAYS,
        body: None,
        answers: &[TOTALS],
        handler: |call, _| Box::pin(totals(call)),
    },
    Operation {
        id: "listAllLogs",
        method: Method::GET,
        path: ALL,
        access: Access::Scope(Scope::SuperUser),
        summary: "List what was done anywhere, newest first.",
        query: PAGED,
        body: None,
        answers: &[PAGE],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "getAllAggregateLogs",
        method: Method::GET,
        path: ALL_TOTALS,
        access: Access::Scope(Scope::SuperUser),
        summary: "Count what was done anywhere each day.",
        query: DAYS,
        body: None,
        answers: &[TOTALS],
        handler: |call, _| Box::pin(totals(call)),
    },
];

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let query = log_query(&call.query(), call.registry.now());
    let position = call.query().text("next_page").and_then(|token| position(&token));
    let (since, until) = (query.since, query.until);
    let page = logs::list(call.registry, &call.caller, log(call)?, LogQuery { position, ..query }).await?;
    let document = Listed {
        start_time: date(since),
        end_time: date(until),
        logs: page.entries.into_iter().map(Entry::from).collect(),
        next_page: page.next.map(page_token),
    };
    Ok(wire::json(StatusCode::OK, &document))
}

async fn totals(call: &Call<'_>) -> Result<Response, Problem> {
    let query = log_query(&call.query(), call.registry.now());
    let totals = logs::totals(call.registry, &call.caller, log(call)?, query).await?;
    let aggregated = totals.into_iter().map(DayTotal::from).collect();
    Ok(wire::json(StatusCode::OK, &Totals { aggregated }))
}

/// The log that the path names.
fn log(call: &Call<'_>) -> Result<Log, Problem> {
    let everything = matches!(call.operation.path, ALL | ALL_TOTALS);
    if everything { Ok(Log::Everything) } else { place(call).map(Log::Of) }
}

/// The place that the path names; one's own if it names none.
fn place(call: &Call<'_>) -> Result<Place, Problem> {
    if call.has("repository") {
        Ok(Place::Repository(call.repository()?))
    } else if call.has("orgname") {
        Ok(Place::Organization(call.param("orgname").to_owned()))
    } else {
        Ok(Place::Own)
    }
}

/// From when on and until when: days are whole and in UTC, the last one included; what is no day is as good as none.
fn days(query: &Query<'_>, now: Timestamp) -> (Timestamp, Timestamp) {
    let day = |name| query.text(name).and_then(|text| Timestamp::from_quay_day(&text));
    (day("starttime").unwrap_or(now - DAY), day("endtime").unwrap_or(now) + DAY)
}

fn log_query(query: &Query<'_>, now: Timestamp) -> LogQuery {
    let (since, until) = days(query, now);
    LogQuery {
        since,
        until,
        performer: query.text("performer").map(|name| lookup(&name).to_owned()),
        position: None,
    }
}

/// A place in the log, in a form that clients only hand back.
fn page_token(position: Position) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{}", position.at.as_ms(), position.id))
}

/// The place that a token tells; `None` if it tells none, and then the first page is as good as any.
fn position(token: &str) -> Option<Position> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (at, id) = text.split_once('.')?;
    Some(Position { at: Timestamp::from_ms(at.parse().ok()?), id: id.parse().ok()? })
}

/// A page of a log.
#[derive(Serialize, ToSchema)]
#[schema(as = LogPage)]
struct Listed {
    start_time: String,
    end_time: String,
    /// Newest first.
    logs: Vec<Entry>,
    /// What to send as `next_page` to get the next one, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_page: Option<String>,
}

/// Something that was done.
#[derive(Serialize, ToSchema)]
#[schema(as = LogEntry)]
pub(crate) struct Entry {
    /// What was done, as in `move_tag`.
    kind: String,
    /// What else there is to know, by kind.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// From where.
    #[schema(required)]
    ip: Option<String>,
    datetime: String,
    /// Who did it, if it was not the registry itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    performer: Option<Who>,
    /// In whose namespace it was done, where that is not known already.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    namespace: Option<Whose>,
}

/// A namespace.
#[derive(Serialize, ToSchema)]
#[schema(as = LogNamespace)]
struct Whose {
    /// `user` or `org`.
    kind: &'static str,
    name: String,
    avatar: Avatar,
}

impl From<Namespace> for Whose {
    fn from(namespace: Namespace) -> Self {
        let Namespace { name, is_organization } = namespace;
        let (kind, drawn) =
            if is_organization { ("org", AvatarKind::Org) } else { ("user", AvatarKind::User) };
        Self { kind, avatar: Avatar::new(drawn, &name, None), name }
    }
}

/// Who did something.
#[derive(Serialize, ToSchema)]
#[schema(as = Performer)]
struct Who {
    kind: &'static str,
    name: String,
    is_robot: bool,
    avatar: Avatar,
}

impl From<LogEntry> for Entry {
    fn from(entry: LogEntry) -> Self {
        Self {
            kind: entry.kind,
            metadata: entry.metadata,
            ip: entry.address,
            datetime: date(entry.at),
            performer: entry.performer.map(Who::from),
            namespace: entry.namespace.map(Whose::from),
        }
    }
}

impl From<Performer> for Who {
    fn from(performer: Performer) -> Self {
        let Performer { name, is_robot } = performer;
        let kind = if is_robot { AvatarKind::Robot } else { AvatarKind::User };
        let avatar = Avatar::new(kind, &name, None);
        Self { kind: "user", name, is_robot, avatar }
    }
}

/// How often things were done.
#[derive(Serialize, ToSchema)]
#[schema(as = LogTotals)]
struct Totals {
    aggregated: Vec<DayTotal>,
}

/// How often one thing was done on one day.
#[derive(Serialize, ToSchema)]
#[schema(as = LogTotal)]
struct DayTotal {
    kind: String,
    count: i64,
    /// The day's first instant, in UTC.
    datetime: String,
}

impl From<Total> for DayTotal {
    fn from(total: Total) -> Self {
        Self { kind: total.kind, count: total.count, datetime: date(total.day) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mon, 03 Aug 2026 09:05:07.
    const NOW: Timestamp = Timestamp::from_ms(1_785_747_907_000);

    #[test]
    fn a_log_is_asked_for_the_last_day_unless_days_are_named() {
        let span = |query: &str| {
            let query = log_query(&Query::new(query, DAYS), NOW);
            (date(query.since), date(query.until))
        };
        let usual =
            ("Sun, 02 Aug 2026 09:05:07 -0000".to_owned(), "Tue, 04 Aug 2026 09:05:07 -0000".to_owned());
        for query in ["", "starttime=&endtime=", "starttime=yesterday&endtime=2026-08-03"] {
            assert_eq!(span(query), usual, "{query}");
        }
        assert_eq!(
            span("starttime=08/01/2026&endtime=8%2F2%2F2026"),
            ("Sat, 01 Aug 2026 00:00:00 -0000".into(), "Mon, 03 Aug 2026 00:00:00 -0000".into())
        );
    }

    #[test]
    fn a_page_goes_on_where_its_token_says_and_a_bad_one_says_nothing() {
        let place = Position { at: NOW, id: 42 };
        assert_eq!(position(&page_token(place)), Some(place));
        for bad in ["", "x", "????", "MQ", "MS4", "Lg", &page_token(place)[1..], &"A".repeat(5000)] {
            assert_eq!(position(bad), None, "{bad}");
        }
    }
}
