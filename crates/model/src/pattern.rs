//! Patterns of tag names, as people write them in policies.

use regex::{Regex, RegexBuilder};

use crate::TagName;

/// A regular expression over the names of tags. Matching takes time in proportion to the name, whatever the pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    whole: Regex,
    anywhere: Regex,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// Nothing, or blanks alone.
    #[error("the pattern is empty")]
    Empty,
    /// Longer than [`Pattern::MAX_LENGTH`].
    #[error("the pattern has more than 256 characters")]
    TooLong,
    /// No regular expression, or one that needs what a linear-time engine does not have, or too much memory.
    #[error("{0}")]
    Malformed(String),
}

impl Pattern {
    /// Longest pattern, in characters.
    pub const MAX_LENGTH: usize = 256;
    /// Most memory that a compiled pattern may take, in bytes.
    const MAX_COMPILED: usize = 1 << 20;

    /// Reads a pattern. Blanks around it are not part of it.
    ///
    /// # Errors
    /// When it is empty, too long, or does not compile.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidPattern::Empty);
        }
        if text.chars().count() > Self::MAX_LENGTH {
            return Err(InvalidPattern::TooLong);
        }
        let compile = |text: &str| {
            let compiled = RegexBuilder::new(text).size_limit(Self::MAX_COMPILED).build();
            compiled.map_err(|error| InvalidPattern::Malformed(reason(&error)))
        };
        Ok(Self {
            text: text.to_owned(),
            anywhere: compile(text)?,
            whole: compile(&format!("^(?:{text})$"))?,
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole name is like that.
    pub fn is_whole(&self, name: &TagName) -> bool {
        self.whole.is_match(name.as_str())
    }

    /// Whether some part of the name is like that.
    pub fn is_in(&self, name: &TagName) -> bool {
        self.anywhere.is_match(name.as_str())
    }
}

/// The last line of what the engine says; those before it draw where in the pattern it is.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_matched_whole_or_in_part() {
        let pattern = Pattern::parse(" v[0-9]+|latest ").expect("a pattern");
        let name = |text: &str| text.parse::<TagName>().expect("a tag");
        assert_eq!(pattern.as_str(), "v[0-9]+|latest");
        for (text, whole, part) in
            [("v1", true, true), ("latest", true, true), ("v1-rc", false, true), ("dev", false, false)]
        {
            assert_eq!((pattern.is_whole(&name(text)), pattern.is_in(&name(text))), (whole, part), "{text}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told_in_a_line() {
        assert_eq!(Pattern::parse("  ").err(), Some(InvalidPattern::Empty));
        assert_eq!(Pattern::parse(&"a".repeat(257)).err(), Some(InvalidPattern::TooLong));
        assert!(Pattern::parse(&"\u{e4}".repeat(256)).is_ok());
        for bad in ["(", "[a", "a{1000}{1000}", r"(a)\1", "(?=a)", "*"] {
            let Some(InvalidPattern::Malformed(reason)) = Pattern::parse(bad).err() else { panic!("{bad}") };
            assert!(!reason.is_empty() && !reason.contains('\n'), "{bad}: {reason}");
        }
    }

    #[test]
    fn a_pattern_can_not_break_out_of_its_anchors() {
        let pattern = Pattern::parse("a)|(b").err();
        assert!(matches!(pattern, Some(InvalidPattern::Malformed(_))), "{pattern:?}");
    }
}
