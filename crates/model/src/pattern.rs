//! Patterns of tags' names: regular expressions that take linear time, whatever they are and whatever they meet.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ast::parse::ParserBuilder;

use crate::TagName;

/// Longest pattern, in characters.
const LONGEST: usize = 256;
/// Largest pattern when it is compiled, in bytes: counted repetitions of repetitions are what grows.
const LARGEST: usize = 64 << 10;
/// Deepest nesting of groups.
const DEEPEST: u32 = 32;

/// A regular expression for names of tags. Cheap to clone.
///
/// It has no look-around and no back-references, because those can take exponential time. Names are ASCII, so classes
/// such as `\w` are, too.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

/// How much of a name a pattern is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Part,
    Whole,
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
    /// The pattern that `text` is, without the blanks around it. It matches the names in which it is found.
    ///
    /// # Errors
    /// When it is none.
    pub fn anywhere(text: &str) -> Result<Self, InvalidPattern> {
        Self::new(text, Extent::Part)
    }

    /// The same. It matches the names that are like that from end to end.
    ///
    /// # Errors
    /// When it is none.
    pub fn whole(text: &str) -> Result<Self, InvalidPattern> {
        Self::new(text, Extent::Whole)
    }

    fn new(text: &str, extent: Extent) -> Result<Self, InvalidPattern> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidPattern::Empty);
        }
        if text.chars().nth(LONGEST).is_some() {
            return Err(InvalidPattern::TooLong);
        }
        let between_anchors;
        let compiled = match extent {
            Extent::Part => text,
            Extent::Whole => {
                // What is no pattern by itself could break out of the anchors.
                let parsed = ParserBuilder::new().nest_limit(DEEPEST).build().parse(text);
                parsed.map_err(|error| InvalidPattern::Invalid(last_line(&error.to_string())))?;
                between_anchors = format!("^(?:{text})$");
                &between_anchors
            }
        };
        let mut builder = RegexBuilder::new(compiled);
        // One level for the group between the anchors.
        builder.unicode(false).size_limit(LARGEST).dfa_size_limit(LARGEST).nest_limit(DEEPEST + 1);
        let regex = builder.build().map_err(|error| InvalidPattern::Invalid(reason(&error)))?;
        Ok(Self { text: text.to_owned(), regex })
    }

    /// The pattern's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the name is one that the pattern is for.
    pub fn matches(&self, name: &TagName) -> bool {
        self.regex.is_match(name.as_str().as_bytes())
    }
}

/// What is wrong, without the picture of the pattern that the library draws above it.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it is too large; repeat less".to_owned(),
        other => last_line(&other.to_string()),
    }
}

fn last_line(told: &str) -> String {
    let last = told.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_whole_name_is_matched_between_anchors_that_hold() {
        let pattern = Pattern::whole("v[0-9]+|latest").unwrap();
        for (name, whole) in [("v1", true), ("latest", true), ("v1-rc", false), ("xlatest", false)] {
            assert_eq!(pattern.matches(&name.parse().unwrap()), whole, "{name}");
        }
        for out in ["a)|(b", "a)|b|(?:c", "(?x)a)#", "a|b(?x)#"] {
            assert!(matches!(Pattern::whole(out), Err(InvalidPattern::Invalid(_))), "{out}");
        }
    }

    fn found(pattern: &str, name: &str) -> bool {
        Pattern::anywhere(pattern).unwrap().matches(&name.parse().unwrap())
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
            for refused in [Pattern::anywhere(bad), Pattern::whole(bad)] {
                let refused = refused.unwrap_err().to_string();
                assert!(
                    refused.starts_with("Invalid regex pattern: ") && refused.contains(part),
                    "{bad}: {refused}"
                );
                assert_eq!(refused.lines().count(), 1, "{refused}");
            }
        }
        for good in [".{128}", "[a-zA-Z0-9_.-]{1,128}", "(?i)(alpha|beta|rc)-[0-9]{1,20}"] {
            assert!(Pattern::whole(good).is_ok(), "{good}: as long as any name");
        }
        assert!(!found("(a+)+$", &format!("{}b", "a".repeat(127))), "nested quantifiers are as fast as any");
    }

    #[test]
    fn a_pattern_has_one_to_256_characters() {
        assert_eq!(Pattern::anywhere(" \t"), Err(InvalidPattern::Empty));
        assert!(Pattern::whole(&format!(" {} ", "a".repeat(256))).is_ok());
        assert!(Pattern::anywhere(&"ä".repeat(256)).is_ok());
        for length in [257, 10_000] {
            assert_eq!(Pattern::anywhere(&"a".repeat(length)), Err(InvalidPattern::TooLong));
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_gives_the_text_back(text in "\\PC{0,40}") {
            for pattern in [Pattern::anywhere(&text), Pattern::whole(&text)].into_iter().flatten() {
                prop_assert_eq!(pattern.as_str(), text.trim());
            }
        }
    }
}
