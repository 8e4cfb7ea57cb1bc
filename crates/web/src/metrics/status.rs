//! The statuses that requests are counted by: those that are answered here, so that there are never more.

use http::StatusCode;

/// In ascending order.
const KNOWN: [u16; 32] = [
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 409, 411, 412, 413,
    414, 415, 416, 422, 428, 429, 431, 500, 501, 503, 504,
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
        for known in KNOWN {
            assert_eq!(name(index(StatusCode::from_u16(known).ok())), known.to_string());
        }
        assert_eq!(name(index(Some(StatusCode::IM_A_TEAPOT))), "other");
        assert_eq!(name(index(None)), "none");
        assert!(index(None) < COUNT);
    }
}
