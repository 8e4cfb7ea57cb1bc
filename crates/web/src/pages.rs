//! Everything outside the two APIs: health, the CSRF token, and pages for whoever comes with a browser.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use serde_json::json;
use tokio::time::timeout;
use wharfinger_registry::{Error, Registry};

use crate::problem::quay::Problem;
use crate::quay::{documents, wire};
use crate::route::{READS, Route};
use crate::{auth, ui_config};

/// How long the database may take to show that it is there.
const HEALTH_PATIENCE: Duration = Duration::from_secs(5);

/// How far Quay's scanner has come. There is none here, and the list is sent on to like any other without its slash.
const SCANNED: &str = "/secscan/_backfill_status";
const SCANNED_LIST: &str = "/secscan/_backfill_status/";

const HOME: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Wharfinger</title>\
    <h1>Wharfinger</h1><p>This is a container registry. Images are pushed and pulled at <code>/v2/</code>, \
    and tags are managed at <code>/api/v1/</code>: <a href=\"/api/docs\">what it can do</a>.</p></html>\n";
const NOTHING: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Not found</title>\
    <h1>Not found</h1><p>There is nothing at this address. <a href=\"/\">Wharfinger</a></p></html>\n";

/// What there is outside of the APIs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Page {
    Home,
    Docs,
    DocsStyle,
    Instance,
    Warning,
    EndToEnd,
    Config,
    Scanned,
    CsrfToken,
}

/// Where it is.
pub(crate) const ROUTES: &[Route<Page>] = &[
    Route::new(READS, "/", Page::Home),
    Route::new(READS, "/api/docs", Page::Docs),
    Route::new(READS, "/api/docs.css", Page::DocsStyle),
    Route::new(READS, "/health/instance", Page::Instance),
    Route::new(READS, "/health/warning", Page::Warning),
    Route::new(READS, "/health/endtoend", Page::EndToEnd),
    Route::new(READS, "/config", Page::Config),
    Route::new(READS, SCANNED, Page::Scanned),
    Route::new(READS, "/csrf_token", Page::CsrfToken),
];

/// Answers whatever is no business of the APIs.
pub(crate) async fn handle(registry: &Registry, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let found = ROUTES.iter().find(|route| route.path == parts.uri.path());
    let Some(found) = found.filter(|route| route.allows(&parts.method)) else {
        return page(StatusCode::NOT_FOUND, NOTHING);
    };
    found.note();
    match found.page {
        Page::Home => page(StatusCode::OK, HOME),
        Page::Docs => page(StatusCode::OK, documents::page()),
        Page::DocsStyle => style(),
        // Nothing is looked at that could be a warning and no failure.
        Page::Instance | Page::Warning => health(registry, Storage::Trusted).await,
        Page::EndToEnd => health(registry, Storage::LookedAt).await,
        Page::Config => ui_config::answer(registry, &auth::base_url(registry, &parts)),
        Page::Scanned => Redirect::permanent(SCANNED_LIST).into_response(),
        Page::CsrfToken => csrf_token(registry, &parts)
            .await
            .unwrap_or_else(|error| Problem::from(error).into_response(&auth::base_url(registry, &parts))),
    }
}

/// Whether a question for health is also one for the storage.
#[derive(PartialEq, Eq)]
enum Storage {
    Trusted,
    LookedAt,
}

async fn health(registry: &Registry, storage: Storage) -> Response {
    let checked = timeout(HEALTH_PATIENCE, registry.check_health()).await.unwrap_or(Err(Error::Unavailable));
    let database =
        checked.inspect_err(|error| tracing::warn!(%error, "the database does not answer")).is_ok();
    let mut services = json!({"database": database});
    let mut well = database;
    if storage == Storage::LookedAt && database {
        let found = timeout(HEALTH_PATIENCE, registry.finds_its_blobs()).await;
        let found = matches!(found, Ok(Ok(true)));
        if !found {
            tracing::warn!("the storage does not have the blobs that the database remembers");
        }
        services["storage"] = json!(found);
        well = found;
    }
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    wire::json(status, &json!({"data": {"services": services}, "status_code": status.as_u16()}))
}

/// What a script must repeat with every write of its session, which begins here if there is none.
async fn csrf_token(registry: &Registry, parts: &Parts) -> wharfinger_registry::Result<Response> {
    let (cookie, token) = auth::page_cookie(registry, parts).await?;
    let document = json!({"csrf_token": token});
    let mut response = wire::json(StatusCode::OK, &document);
    wire::set_session(&mut response, &cookie, auth::session_scheme(registry, parts));
    Ok(response)
}

fn style() -> Response {
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, documents::STYLE).into_response()
}

fn page(status: StatusCode, text: impl Into<Body>) -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'self'; frame-ancestors 'none'"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, Html(text.into())).into_response()
}
