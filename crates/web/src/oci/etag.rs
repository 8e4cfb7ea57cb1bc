//! Conditional requests (RFC 9110, section 13). A representation's entity tag is its digest in quotes.

use http::header::{IF_NONE_MATCH, IF_RANGE};
use http::{HeaderMap, HeaderValue};
use wharfinger_model::Digest;

/// The entity tag of what has this digest.
pub(super) fn of(digest: &Digest) -> HeaderValue {
    super::header(format!("\"{digest}\""))
}

/// Whether the client says that it has this already (`If-None-Match`).
pub(super) fn is_known(headers: &HeaderMap, digest: &Digest) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).into_iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || names(tag.trim_start_matches("W/"), digest))
}

/// Whether a range is wanted of this and not of something that was here before (`If-Range`).
pub(super) fn range_applies(headers: &HeaderMap, digest: &Digest) -> bool {
    // A date never applies: content has no time of its own.
    headers.get(IF_RANGE).is_none_or(|tag| tag.to_str().is_ok_and(|tag| names(tag, digest)))
}

fn names(tag: &str, digest: &Digest) -> bool {
    let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    inner == Some(digest.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;

    fn headers(name: &http::HeaderName, lines: &[String]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, line.parse().unwrap());
        }
        headers
    }

    #[test]
    fn any_tag_of_any_line_may_match_weak_or_not() {
        let (digest, other) = (Digest::sha256(b"a"), Digest::sha256(b"b"));
        for (lines, known) in [
            (vec![], false),
            (vec!["*".to_owned()], true),
            (vec![format!("\"{digest}\"")], true),
            (vec![format!("W/\"{digest}\"")], true),
            (vec![format!("\"{other}\" ,  \"{digest}\"")], true),
            (vec![format!("\"{other}\""), format!("\"{digest}\"")], true),
            (vec![format!("\"{other}\"")], false),
            (vec![digest.to_string()], false),
        ] {
            assert_eq!(is_known(&headers(&IF_NONE_MATCH, &lines), &digest), known, "{lines:?}");
        }
    }

    #[test]
    fn a_range_applies_to_exactly_the_tag_that_it_names() {
        let (digest, other) = (Digest::sha256(b"a"), Digest::sha256(b"b"));
        for (line, applies) in [
            (format!("\"{digest}\""), true),
            (format!("W/\"{digest}\""), false),
            (format!("\"{other}\""), false),
            ("Tue, 24 Nov 2026 00:00:00 GMT".to_owned(), false),
        ] {
            assert_eq!(
                range_applies(&headers(&IF_RANGE, std::slice::from_ref(&line)), &digest),
                applies,
                "{line}"
            );
        }
        assert!(range_applies(&HeaderMap::new(), &digest));
    }
}
