//! A case is the length of a blob, a blank, and a text that is read as its `Range` and as the `Content-Range` of a
//! part of an upload.

use wharfinger_model::range::{Chunk, Selection};

pub(crate) fn holds(case: &[u8]) {
    let Ok(case) = str::from_utf8(case) else { return };
    let case = case.strip_suffix('\n').unwrap_or(case);
    let Some((length, text)) = case.split_once(' ') else { return };
    if let Ok(length) = length.parse() {
        what_is_selected_is_there(text, length);
    }
    if let Some(chunk) = Chunk::parse(text) {
        a_part_has_a_first_byte_and_a_last(chunk);
    }
}

fn what_is_selected_is_there(text: &str, length: u64) {
    match Selection::parse(text, length) {
        Selection::Part(range) => {
            assert!(range.start < range.end && range.end <= length, "{range:?} of {length}");
            let written = format!("bytes={}-{}", range.start, range.end - 1);
            assert_eq!(Selection::parse(&written, length), Selection::Part(range));
        }
        Selection::Unsatisfiable => assert!(text.contains('=')),
        Selection::Whole => (),
    }
}

fn a_part_has_a_first_byte_and_a_last(chunk: Chunk) {
    assert!(chunk.length > 0);
    let end = chunk.start.checked_add(chunk.length).expect("an offset behind the part");
    let range = format!("{}-{}", chunk.start, end - 1);
    for written in [format!("bytes {range}/*"), format!("bytes {range}/{end}"), range] {
        assert_eq!(Chunk::parse(&written), Some(chunk), "{written}");
    }
}
