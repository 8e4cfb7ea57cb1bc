//! The path grammars of the two APIs, each spelled once.

pub mod oci;
pub mod quay;

use percent_encoding::percent_decode_str;

/// Splits a raw path at its slashes and decodes every segment once; `None` if one is not UTF-8.
fn segments(raw: &str) -> Option<Vec<String>> {
    raw.split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned))
        .collect()
}
