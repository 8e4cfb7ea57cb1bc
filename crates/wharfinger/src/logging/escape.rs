//! What a line of the log may hold: whoever reads it on a terminal or by a program sees one line, and no orders.

use std::borrow::Cow;
use std::fmt::Write as _;

/// One line with its end, in which nothing is left that moves a cursor, ends a line or turns text around. JSON, and text
/// as `Debug` writes it, mean the same afterwards.
pub(super) fn line(bytes: &[u8]) -> Cow<'_, [u8]> {
    let (text, end) = bytes.strip_suffix(b"\n").map_or((bytes, ""), |text| (text, "\n"));
    if text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return Cow::Borrowed(bytes);
    }
    let mut safe = String::with_capacity(bytes.len() + 16);
    for char in String::from_utf8_lossy(text).chars() {
        match char {
            '\n' => safe.push_str("\\n"),
            '\t' => safe.push_str("\\t"),
            char if is_an_order(char) => drop(write!(safe, "\\u{:04x}", u32::from(char))),
            char => safe.push(char),
        }
    }
    safe.push_str(end);
    Cow::Owned(safe.into_bytes())
}

/// Control characters, separators of lines and paragraphs, and what changes the direction of writing.
fn is_an_order(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        String::from_utf8(line(text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn what_is_logged_stays_one_line_without_orders() {
        for (text, expected) in [
            ("plain text, even \\n\n", "plain text, even \\n\n"),
            ("two\nlines\r\n", "two\\nlines\\u000d\n"),
            ("\u{1b}[31mred\u{9b}0m\u{7f}\n", "\\u001b[31mred\\u009b0m\\u007f\n"),
            ("a\u{202e}b\u{2028}c\u{2066}d\u{61c}\n", "a\\u202eb\\u2028c\\u2066d\\u061c\n"),
            ("grün 船\n", "grün 船\n"),
            ("", ""),
        ] {
            assert_eq!(escaped(text), expected);
        }
        assert_eq!(&*line(b"a\xffb\n"), "a\u{fffd}b\n".as_bytes());
    }

    #[test]
    fn json_means_the_same_afterwards() {
        let text = "{\"agent\":\"a\u{9b}b\u{202e}c\u{7f}\"}\n";
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&escaped(text)), read(text));
    }
}
