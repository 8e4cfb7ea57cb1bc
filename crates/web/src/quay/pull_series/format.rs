//! JSON or CSV.

use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use super::asked::invalid;
use crate::problem::quay::Problem;
use crate::quay::{Call, wire};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
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
    /// What the query or `Accept` asks for.
    pub(super) fn asked(call: &Call<'_>) -> Result<Self, Problem> {
        match call.query().text("format").as_deref() {
            Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some(_) => Err(invalid("format", "`json` or `csv`")),
            None if accepts_csv(&call.parts.headers) => Ok(Self::Csv),
            None => Ok(Self::Json),
        }
    }

    /// Such an answer, in one of the two ways.
    pub(super) fn answer<T: Serialize>(self, document: &T, csv: fn(&T) -> String) -> Response {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
