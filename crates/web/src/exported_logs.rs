//! `/exportedlogs`: exports of logs, for whoever has the link.

use std::iter::once;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use serde::Serialize;
use wharfinger_registry::exports::{self, Download};
use wharfinger_registry::{Error, Registry};

use crate::auth;
use crate::problem::{self, quay::Problem};
use crate::quay::logs::Entry;
use crate::quay::wire;
use crate::route::{READS, Route};

/// What every link begins with; its secret follows. It is in the query, since paths are logged.
pub(crate) const LINK: &str = "/exportedlogs?secret=";

/// Where exports are.
pub(crate) const ROUTE: Route<()> = Route::new(READS, "/exportedlogs", ());

/// Answers a request for `/exportedlogs`.
pub(crate) async fn handle(registry: &Registry, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answer = respond(registry, &parts).await;
    answer.unwrap_or_else(|problem| problem.into_response(&auth::base_url(registry, &parts)))
}

async fn respond(registry: &Registry, parts: &Parts) -> Result<Response, Problem> {
    ROUTE.note();
    if !ROUTE.allows(&parts.method) {
        return Err(Problem::Method(READS.to_owned()));
    }
    let query = parts.uri.query().unwrap_or_default();
    let secret = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "secret");
    let download = exports::open(registry, &secret.map(|(_, secret)| secret).unwrap_or_default()).await?;
    let name = format!("attachment; filename=\"{}.json\"", download.export_id);
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CONTENT_DISPOSITION, name.as_str()),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, Body::from_stream(document(download)?)).into_response())
}

/// What stands before the entries.
#[derive(Serialize)]
struct Head {
    export_id: String,
    start_date: String,
    end_date: String,
    namespace: Option<String>,
    repository: Option<String>,
}

/// The export as one JSON document, of which no more than a page is in memory. Where it breaks off it is no document any
/// more, which whoever reads it can tell.
fn document(download: Download) -> Result<impl Stream<Item = Result<Bytes, Error>>, Error> {
    let head = text(&Head {
        export_id: download.export_id.clone(),
        start_date: wire::date(download.since),
        end_date: wire::date(download.until),
        namespace: download.namespace.clone(),
        repository: download.repository.clone(),
    })?;
    let head = [head.trim_end_matches('}'), ",\"logs\":["].concat();
    let entries = stream::try_unfold((download, ""), async |(mut download, mut parted)| {
        let page = download.next_page().await.inspect_err(|error| {
            problem::report(error);
        })?;
        let mut written = String::new();
        for entry in page {
            written.extend([parted, "\n", &text(&Entry::from(entry))?]);
            parted = ",";
        }
        Ok((!written.is_empty()).then_some((Bytes::from(written), (download, parted))))
    });
    let whole = |text| stream::iter(once(Ok(Bytes::from(text))));
    Ok(whole(head).chain(entries).chain(whole("\n]}\n".to_owned())))
}

fn text(document: &impl Serialize) -> Result<String, Error> {
    wire::text(document).map_err(|error| Error::Internal(format!("JSON: {error}")))
}
