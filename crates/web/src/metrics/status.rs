//! The statuses that requests are counted by: all that have a meaning, whichever of them are answered.

use http::StatusCode;

/// In ascending order.
const KNOWN: [u16; 62] = [
    100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307,
    308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421,
    422, 423, 424, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511,
];

/// How many there are: those that are known, any other, and none, where the client left before there was one.
pub(super) const COUNT: usize = KNOWN.len() + 2;

/// Where a status is counted.
pub(super) fn index(status: Option<StatusCode>) -> usize {
    match status {
        Some(status) => KNOWN.binary_search(&status.as_u16()).unwrap_or(KNOWN.len()),
        None => KNOWN.len() + 1,
    }
}

/// What is counted there.
pub(super) fn name(index: usize) -> String {
    match KNOWN.get(index) {
        Some(status) => status.to_string(),
        None if index == KNOWN.len() => "other".to_owned(),
        None => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_is_counted_by_its_own_name() {
        assert!(KNOWN.is_sorted());
        for status in (100..600).filter_map(|status| StatusCode::from_u16(status).ok()) {
            let expected = if status.canonical_reason().is_some() { status.as_str() } else { "other" };
            assert_eq!(name(index(Some(status))), expected);
        }
        assert_eq!(name(index(None)), "none");
        assert!(index(None) < COUNT);
    }
}
