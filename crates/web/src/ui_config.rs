//! `/config`: what Quay's web UI reads before anything else, to know what it shall show.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};
use wharfinger_model::rules::duration_text;
use wharfinger_registry::Registry;

use crate::quay::wire;

/// What the UI can offer here.
const SERVED: &[&str] = &[
    "AGGREGATED_LOG_COUNT_RETRIEVAL",
    "ANONYMOUS_ACCESS",
    "APP_SPECIFIC_TOKENS",
    "AUTO_PRUNE",
    "CHANGE_TAG_EXPIRATION",
    "DIRECT_LOGIN",
    "EXTENDED_REPOSITORY_NAMES",
    "IMAGE_PULL_STATS",
    "IMMUTABLE_TAGS",
    "PARTIAL_USER_AUTOCOMPLETE",
    "REFERRERS_API",
    "SUPERUSERS_FULL_ACCESS",
    "SUPER_USERS",
    "USER_CREATION",
    "USER_INITIALIZE",
    "USER_LOG_ACCESS",
    "USER_METADATA",
];

/// What it must not.
const LEFT_OUT: &[&str] = &[
    "BILLING",
    "BUILD_SUPPORT",
    "IMMUTABLE_TAGS_CAN_EXPIRE",
    "INVITE_ONLY_USER_CREATION",
    "MAILING",
    "PROXY_CACHE",
    "QUOTA_MANAGEMENT",
    "REPO_MIRROR",
    "REQUIRE_TEAM_INVITE",
    "SECURITY_NOTIFICATIONS",
    "SECURITY_SCANNER",
    "SIGNING",
    "TEAM_SYNCING",
    "USERNAME_CONFIRMATION",
];

/// The answer to whoever reaches this registry at `base`.
pub(crate) fn answer(registry: &Registry, base: &str) -> Response {
    let settings = registry.settings();
    let (scheme, host) = base.split_once("://").unwrap_or(("http", base));
    let windows: Vec<_> = settings.window_options.iter().map(|window| duration_text(*window)).collect();
    let served = SERVED.iter().map(|name| (*name, true));
    let features: Map<_, _> = served
        .chain(LEFT_OUT.iter().map(|name| (*name, false)))
        .map(|(name, on)| (name.to_owned(), Value::Bool(on)))
        .collect();
    let document = json!({
        "features": features,
        "config": {
            "AUTHENTICATION_TYPE": "Database",
            "DEFAULT_TAG_EXPIRATION": duration_text(settings.default_window),
            "PERMANENTLY_DELETE_TAGS": true,
            "PREFERRED_URL_SCHEME": scheme,
            "REGISTRY_TITLE": "Wharfinger",
            "REGISTRY_TITLE_SHORT": "Wharfinger",
            "SERVER_HOSTNAME": host,
            "TAG_EXPIRATION_OPTIONS": windows,
        },
        "external_login": [],
        "oauth": {},
        "registry_state": "normal",
        "account_recovery_mode": false,
        "version_number": concat!("Wharfinger ", env!("CARGO_PKG_VERSION")),
    });
    wire::json(StatusCode::OK, &document)
}
