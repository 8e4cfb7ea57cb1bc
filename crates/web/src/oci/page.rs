//! Pages of lists: `?n=&last=`, and the `Link` to the next one (OCI distribution specification, "Content Discovery";
//! RFC 8288).

use std::num::IntErrorKind;

use http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Call, header};

/// Which part of a list is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// At most so many entries.
    pub(super) n: i64,
    /// Only what comes after this, which may be any text.
    pub(super) last: String,
}

impl Page {
    /// What the request asks for, at most `limit` entries.
    pub(super) fn of(call: &Call<'_>, limit: i64) -> Self {
        let n = count(call.query("n").as_deref(), limit.min(call.registry.settings().list_limit));
        // Nothing that is listed holds a NUL byte, so the same follows what stands before it; and not every store
        // takes one.
        let last = call.query("last").unwrap_or_default();
        let last = last.split('\0').next().unwrap_or_default().trim().to_owned();
        Self { n, last }
    }

    /// The `Link` to the page that begins behind `last`, with whatever else the list was asked by.
    pub(super) fn next(&self, path: &str, last: &str, filters: &[(&str, &str)]) -> HeaderValue {
        let mut link = format!("<{path}?n={}", self.n);
        for (name, value) in [("last", last)].iter().chain(filters) {
            link.extend(["&", name, "="]);
            link.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
        header(format!("{link}>; rel=\"next\""))
    }
}

/// How many entries are asked for, at most `limit` of them. What is no number counts as nothing said.
fn count(asked: Option<&str>, limit: i64) -> i64 {
    match asked.map(str::parse::<i64>) {
        Some(Ok(n)) => n.clamp(0, limit.max(0)),
        Some(Err(error)) if *error.kind() == IntErrorKind::NegOverflow => 0,
        Some(Err(_)) | None => limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_is_clamped_and_anything_else_ignored() {
        for (asked, n) in [
            (None, 100),
            (Some("7"), 7),
            (Some("0"), 0),
            (Some("-1"), 0),
            (Some("-99999999999999999999"), 0),
            (Some("101"), 100),
            (Some("99999999999999999999"), 100),
            (Some("1.5"), 100),
            (Some(""), 100),
        ] {
            assert_eq!(count(asked, 100), n, "{asked:?}");
        }
    }

    #[test]
    fn the_next_page_begins_behind_the_last_entry_and_keeps_the_filter() {
        let page = Page { n: 2, last: String::new() };
        assert_eq!(
            page.next("/v2/a/b/tags/list", "v1", &[]),
            "</v2/a/b/tags/list?n=2&last=v1>; rel=\"next\""
        );
        assert_eq!(
            page.next("/v2/x", "a/b", &[("artifactType", "application/t>\"+ü")]),
            "</v2/x?n=2&last=a%2Fb&artifactType=application%2Ft%3E%22%2B%C3%BC>; rel=\"next\""
        );
    }
}
