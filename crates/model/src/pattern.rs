//! Patterns of tags' names: regular expressions that take linear time, whatever they are and whatever they meet.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use crate::TagName;

/// Longest pattern, in characters.
const LONGEST: usize = 256;
/// Largest pattern when it is compiled, in bytes: counted repetitions of repetitions are what grows.
const LARGEST: usize = 256 << 10;
/// Deepest nesting of groups.
const DEEPEST: u32 = 32;

/// A regular expression for names of tags. Cheap to clone.
///
/// It has no look-around and no back-references, because those can take exponential time. Names are ASCII, so classes
/// such as `\w` are, too.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    anywhere: Regex,
    whole: Regex,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// There is nothing but blanks.
    #[error("tag_pattern cannot be empty")]
    Empty,
    /// It is too long.
    #[error("tag_pattern must be {LONGEST} characters or less")]
    TooLong,
    /// It can't be compiled; the text says why.
    #[error("Invalid regex pattern: {0}")]
    Invalid(String),
}

impl Pattern {
    /// The pattern that `text` is, without the blanks around it.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(text: &str) -> Result<Self, InvalidPattern> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidPattern::Empty);
        }
        if text.chars().nth(LONGEST).is_some() {
            return Err(InvalidPattern::TooLong);
        }
        let compile = |text: &str| {
            let mut builder = RegexBuilder::new(text);
            builder.unicode(false).size_limit(LARGEST).dfa_size_limit(LARGEST).nest_limit(DEEPEST);
            builder.build().map_err(|error| InvalidPattern::Invalid(reason(&error)))
        };
        // First as it is: what does not compile by itself could break out of the anchors.
        let anywhere = compile(text)?;
        Ok(Self { text: text.to_owned(), anywhere, whole: compile(&format!("^(?:{text})$"))? })
    }

    /// The pattern's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern is found anywhere in the name.
    pub fn is_found_in(&self, name: &TagName) -> bool {
        self.anywhere.is_match(name.as_str().as_bytes())
    }

    /// Whether the whole name is like that.
    pub fn is_whole(&self, name: &TagName) -> bool {
        self.whole.is_match(name.as_str().as_bytes())
    }
}

/// What is wrong, without the picture of the pattern that the library draws above it.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it is too large; repeat less".to_owned(),
        other => {
            let told = other.to_string();
            let last = told.lines().last().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_name_is_matched_between_anchors_that_hold() {
        let pattern = Pattern::new("v[0-9]+|latest").unwrap();
        for (name, whole) in [("v1", true), ("latest", true), ("v1-rc", false), ("xlatest", false)] {
            assert_eq!(pattern.is_whole(&name.parse().unwrap()), whole, "{name}");
        }
        assert!(matches!(Pattern::new("a)|(b"), Err(InvalidPattern::Invalid(_))));
    }
    use proptest::prelude::*;

    fn found(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern).unwrap().is_found_in(&name.parse().unwrap())
    }

    #[test]
    fn a_pattern_is_found_anywhere_unless_it_is_anchored() {
        assert!(found("rc", "v1-rc2"));
        assert!(found(r"  \d$ ", "v1"));
        assert!(!found("^rc", "v1-rc2"));
        assert!(found(r"^(?P<major>v\d+)\.", "v12.3"));
        assert!(found("(?i)RC", "v1-rc2"));
        assert!(found("[^a-z]", "v1") && !found("[^a-z0-9]", "v1"));
    }

    #[test]
    fn what_takes_more_than_linear_time_or_too_much_room_is_refused_in_one_line() {
        for (bad, part) in [
            ("(?=a)", "look-around"),
            (r"(a)\1", "backreferences"),
            ("(", "unclosed group"),
            ("[", "unclosed character class"),
            ("*", "repetition operator missing expression"),
            ("a{2,1}", "invalid repetition count range"),
            ("((a{100}){100}){100}", "too large"),
            ("a{999999999}", "too large"),
            (&format!("{}a{}", "(".repeat(100), ")".repeat(100)), "nested"),
        ] {
            let refused = Pattern::new(bad).unwrap_err().to_string();
            assert!(
                refused.starts_with("Invalid regex pattern: ") && refused.contains(part),
                "{bad}: {refused}"
            );
            assert_eq!(refused.lines().count(), 1, "{refused}");
        }
        assert!(!found("(a+)+$", &format!("{}b", "a".repeat(127))), "nested quantifiers are as fast as any");
    }

    #[test]
    fn a_pattern_has_one_to_256_characters() {
        assert_eq!(Pattern::new(" \t"), Err(InvalidPattern::Empty));
        assert!(Pattern::new(&format!(" {} ", "a".repeat(256))).is_ok());
        assert!(Pattern::new(&"ä".repeat(256)).is_ok());
        for length in [257, 10_000] {
            assert_eq!(Pattern::new(&"a".repeat(length)), Err(InvalidPattern::TooLong));
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_gives_the_text_back(text in "\\PC{0,40}") {
            if let Ok(pattern) = Pattern::new(&text) {
                prop_assert_eq!(pattern.as_str(), text.trim());
            }
        }
    }
}
