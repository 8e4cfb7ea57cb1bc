//! Chapter "logs": what was done, by whom and when.

use std::time::Duration;

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use wharfinger_model::{Scope, Timestamp};
use wharfinger_registry::logs::{self, Log, LogEntry, LogQuery, Position};

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

const PAGE: Answer =
    Answer::free_form(StatusCode::OK, "`logs`: the entries of the page; `next_page` if there are more.");
const TOTALS: Answer = Answer::free_form(StatusCode::OK, "`aggregated`: how often each day, by kind.");

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
];

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let query = log_query(&call.query(), call.registry.now());
    let position = call.query().text("next_page").and_then(|token| position(&token));
    let (since, until) = (query.since, query.until);
    let page = logs::list(call.registry, &call.caller, log(call)?, LogQuery { position, ..query }).await?;
    let entries: Vec<_> = page.entries.into_iter().map(document).collect();
    let mut document = json!({"start_time": date(since), "end_time": date(until), "logs": entries});
    if let Some(next) = page.next {
        document["next_page"] = json!(page_token(next));
    }
    Ok(wire::json(StatusCode::OK, &document))
}

async fn totals(call: &Call<'_>) -> Result<Response, Problem> {
    let query = log_query(&call.query(), call.registry.now());
    let totals = logs::totals(call.registry, &call.caller, log(call)?, query).await?;
    let totals: Vec<_> = totals
        .iter()
        .map(|total| json!({"kind": total.kind, "count": total.count, "datetime": date(total.day)}))
        .collect();
    Ok(wire::json(StatusCode::OK, &json!({"aggregated": totals})))
}

/// The log that the path names.
fn log(call: &Call<'_>) -> Result<Log, Problem> {
    if call.has("repository") {
        Ok(Log::Repository(call.repository()?))
    } else if call.has("orgname") {
        Ok(Log::Organization(call.param("orgname").to_owned()))
    } else {
        Ok(Log::Own)
    }
}

/// Days are whole and in UTC, the last one included; what is no day is as good as none.
fn log_query(query: &Query<'_>, now: Timestamp) -> LogQuery {
    let day = |name| query.text(name).and_then(|text| Timestamp::from_quay_day(&text));
    LogQuery {
        since: day("starttime").unwrap_or(now - DAY),
        until: day("endtime").unwrap_or(now) + DAY,
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

fn document(entry: LogEntry) -> Value {
    let mut document = json!({
        "kind": entry.kind, "metadata": entry.metadata, "ip": entry.address, "datetime": date(entry.at),
    });
    if let Some(performer) = &entry.performer {
        let kind = if performer.is_robot { AvatarKind::Robot } else { AvatarKind::User };
        document["performer"] = json!({
            "kind": "user", "name": performer.name, "is_robot": performer.is_robot,
            "avatar": Avatar::new(kind, &performer.name, None),
        });
    }
    document
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
