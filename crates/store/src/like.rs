//! Patterns of LIKE, for statements that say `LIKE … ESCAPE '!'`.

/// A pattern that finds `text` itself anywhere: `%` and `_` are ordinary characters. Names are ASCII, and so is all that
/// has a lower case here: it is the same on both engines where the column is in lower case.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}
