//! What a policy says.

use std::num::NonZeroU64;

use crate::{InvalidPattern, InvalidPeriod, Pattern, Period, TagName};

/// A policy: which tags it looks at, and which of those it prunes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Which of the tags that it looks at it prunes.
    pub method: Method,
    /// Which tags it looks at.
    pub names: Names,
}

/// By what a policy judges a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// All but so many of the newest go.
    NumberOfTags(NonZeroU64),
    /// Tags go that have pointed at the same manifest for longer.
    CreationDate(Period),
    /// Tags go that were not pulled by their name for longer. What was never pulled counts from its beginning, and so
    /// does what was moved since.
    NotPulledFor(Period),
}

impl Method {
    /// The names of all.
    pub const NAMES: [&str; 3] = [Self::NUMBER_OF_TAGS, Self::CREATION_DATE, Self::NOT_PULLED_FOR];

    const NUMBER_OF_TAGS: &str = "number_of_tags";
    const CREATION_DATE: &str = "creation_date";
    const NOT_PULLED_FOR: &str = "not_pulled_for";

    /// The method of that name with its value.
    ///
    /// # Errors
    /// When there is no such method, or the value is not of its kind.
    pub fn new(name: &str, value: Value<'_>) -> Result<Self, InvalidPolicy> {
        let period = || match value {
            Value::Text(text) => text.parse().map_err(|InvalidPeriod| InvalidPolicy::Value),
            Value::Number(_) => Err(InvalidPolicy::Value),
        };
        match name {
            Self::NUMBER_OF_TAGS => match value {
                Value::Number(number) => {
                    let number = u64::try_from(number).ok().and_then(NonZeroU64::new);
                    number.map(Self::NumberOfTags).ok_or(InvalidPolicy::Value)
                }
                Value::Text(_) => Err(InvalidPolicy::Value),
            },
            Self::CREATION_DATE => period().map(Self::CreationDate),
            Self::NOT_PULLED_FOR => period().map(Self::NotPulledFor),
            _ => Err(InvalidPolicy::Method),
        }
    }

    /// The method of that name with a value as [`Self::value`] writes it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn read(name: &str, value: &str) -> Result<Self, InvalidPolicy> {
        let number = value.parse().ok().filter(|_| name == Self::NUMBER_OF_TAGS);
        Self::new(name, number.map_or(Value::Text(value), Value::Number))
    }

    /// Its name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::NumberOfTags(_) => Self::NUMBER_OF_TAGS,
            Self::CreationDate(_) => Self::CREATION_DATE,
            Self::NotPulledFor(_) => Self::NOT_PULLED_FOR,
        }
    }

    /// Its value as text.
    pub fn value(self) -> String {
        match self {
            Self::NumberOfTags(number) => number.to_string(),
            Self::CreationDate(period) | Self::NotPulledFor(period) => period.to_string(),
        }
    }

    /// When it is applied: first what judges each tag by itself, so that what goes by it takes no place among the
    /// newest.
    pub(super) fn turn(self) -> u8 {
        match self {
            Self::CreationDate(_) => 0,
            Self::NotPulledFor(_) => 1,
            Self::NumberOfTags(_) => 2,
        }
    }
}

/// A method's value as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A whole number.
    Number(i64),
    /// A text.
    Text(&'a str),
}

/// Which names a policy looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// All.
    All,
    /// Those in which the pattern is found.
    With(Pattern),
    /// Those in which it is not.
    Without(Pattern),
}

/// Which side of a pattern a policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Names in which it is found.
    With,
    /// All others.
    Without,
}

impl Names {
    /// The names on this side of the pattern; without a pattern, all.
    ///
    /// # Errors
    /// When the text is no pattern.
    pub fn new(pattern: Option<&str>, side: Side) -> Result<Self, InvalidPattern> {
        Ok(match (pattern.map(Pattern::anywhere).transpose()?, side) {
            (None, _) => Self::All,
            (Some(pattern), Side::With) => Self::With(pattern),
            (Some(pattern), Side::Without) => Self::Without(pattern),
        })
    }

    pub(super) fn cover(&self, name: &TagName) -> bool {
        match self {
            Self::All => true,
            Self::With(pattern) => pattern.matches(name),
            Self::Without(pattern) => !pattern.matches(name),
        }
    }
}

/// Why something is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// There is no such method.
    #[error("Invalid method provided")]
    Method,
    /// The value is not one for the method.
    #[error(
        "Invalid value given for method type: number_of_tags takes a whole number from 1, the others a period as in '12h', '7d' or '2w'"
    )]
    Value,
    /// The pattern is none.
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
}
