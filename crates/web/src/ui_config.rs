//! `/config`: what Quay's web UI reads before anything else, to know what it shall show.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};
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
    "LOG_EXPORT",
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
    "ASSIGN_OAUTH_TOKEN",
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

/// A duration as Quay's configuration writes it, in the largest unit up to weeks that it is a multiple of.
fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(7 * 86_400, 'w'), (86_400, 'd'), (3600, 'h'), (60, 'm')];
    let unit = units.into_iter().find(|(length, _)| seconds > 0 && seconds.is_multiple_of(*length));
    let (length, letter) = unit.unwrap_or((1, 's'));
    format!("{}{letter}", seconds / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_the_largest_unit_that_fits() {
        for (seconds, text) in [
            (0, "0s"),
            (1, "1s"),
            (90, "90s"),
            (300, "5m"),
            (25 * 3600, "25h"),
            (86_400, "1d"),
            (14 * 86_400, "2w"),
        ] {
            assert_eq!(duration_text(Duration::from_secs(seconds)), text);
        }
    }
}
