//! What is known of a JSON text before it is read.

/// The deepest nesting of brackets outside strings: known before anything is built from the text.
pub fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match (byte, in_string) {
            _ if escaped => escaped = false,
            (b'\\', true) => escaped = true,
            (b'"', _) => in_string = !in_string,
            (b'{' | b'[', false) => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (b'}' | b']', false) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_count_only_outside_of_strings() {
        assert_eq!(depth(br#"{"a[[[\"[": [1]}"#), 2);
    }
}
