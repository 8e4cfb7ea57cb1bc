//! Auto-prune policies: which living tags a repository rids itself of, and why.

use std::fmt;
use std::num::NonZeroU64;

use crate::rules::is_sibling;
use crate::{InvalidPattern, InvalidPeriod, Pattern, Period, TagName, Timestamp};

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
    fn turn(self) -> u8 {
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

    fn cover(&self, name: &TagName) -> bool {
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

/// What has to be known of a living tag to judge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: TagName,
    /// When it began to point at what it points at.
    pub start: Timestamp,
    /// When it is going to end by itself.
    pub end: Option<Timestamp>,
    /// Whether nobody may end it.
    pub immutable: bool,
    /// When it was last pulled by its name.
    pub last_pull: Option<Timestamp>,
}

/// What becomes of a tag. A policy is told by its place among those that judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes, by this policy.
    Prune {
        /// Which policy decided it.
        by: usize,
        /// What it says.
        reason: Overdue,
    },
    /// It stays, whatever any policy says.
    Exempt(Exemption),
    /// It stays: each policy spares it for a reason of its own, in the order in which they are applied.
    Keep(Vec<(usize, Spared)>),
}

/// Why no policy may prune a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exemption {
    /// Nobody may end it.
    Immutable,
    /// It goes with the image that it belongs to.
    CosignSibling,
}

/// Why a policy prunes a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// There are enough newer ones.
    BeyondNewest(NonZeroU64),
    /// It began too long ago.
    OlderThan(Period),
    /// It was not pulled for too long.
    NotPulledFor(Period),
}

/// Why a policy spares a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spared {
    /// The policy's pattern leaves it out.
    NotCovered,
    /// It is one of the newest.
    AmongNewest(NonZeroU64),
    /// It began not long ago.
    NewerThan(Period),
    /// It was pulled not long ago.
    PulledWithin(Period),
}

/// Judges the living tags of one repository, one after the other, newest first.
///
/// That gives what applying one policy after the other would give, because what a policy says of a tag depends on newer
/// tags alone.
#[derive(Debug, Clone)]
pub struct Judge<'p> {
    /// With their places, in the order in which they are applied.
    policies: Vec<(usize, &'p Policy)>,
    /// How many tags each has let through.
    passed: Vec<u64>,
    now: Timestamp,
    good_until: Timestamp,
}

impl<'p> Judge<'p> {
    /// Judges at `now` by these policies: those of the namespace, then those of the repository, each in the order in
    /// which they were made.
    pub fn new(policies: impl IntoIterator<Item = &'p Policy>, now: Timestamp) -> Self {
        let mut policies: Vec<_> = policies.into_iter().enumerate().collect();
        policies.sort_by_key(|(_, policy)| policy.method.turn());
        let passed = vec![0; policies.len()];
        Self { policies, passed, now, good_until: Timestamp::END }
    }

    /// Until when the verdicts hold if no tag is changed: then the first of the tags ends that took a place among the
    /// newest.
    pub fn good_until(&self) -> Timestamp {
        self.good_until
    }

    /// What becomes of the next tag.
    pub fn judge(&mut self, tag: &Candidate) -> Verdict {
        if tag.immutable {
            return Verdict::Exempt(Exemption::Immutable);
        }
        if is_sibling(&tag.name) {
            return Verdict::Exempt(Exemption::CosignSibling);
        }
        let mut spared = Vec::with_capacity(self.policies.len());
        for ((place, policy), passed) in self.policies.iter().zip(&mut self.passed) {
            match opinion(policy, tag, *passed, self.now) {
                Err(reason) => return Verdict::Prune { by: *place, reason },
                Ok(reason) => {
                    if let Spared::AmongNewest(_) = reason {
                        *passed += 1;
                        self.good_until = tag.end.map_or(self.good_until, |end| self.good_until.min(end));
                    }
                    spared.push((*place, reason));
                }
            }
        }
        Verdict::Keep(spared)
    }
}

/// What one policy says of a tag, having let `passed` newer ones through. `Err` prunes it.
fn opinion(policy: &Policy, tag: &Candidate, passed: u64, now: Timestamp) -> Result<Spared, Overdue> {
    if !policy.names.cover(&tag.name) {
        return Ok(Spared::NotCovered);
    }
    match policy.method {
        Method::NumberOfTags(number) if passed < number.get() => Ok(Spared::AmongNewest(number)),
        Method::NumberOfTags(number) => Err(Overdue::BeyondNewest(number)),
        Method::CreationDate(period) if tag.start < now - period.length() => Err(Overdue::OlderThan(period)),
        Method::CreationDate(period) => Ok(Spared::NewerThan(period)),
        Method::NotPulledFor(period) => {
            let since = now - period.length();
            if tag.last_pull.is_some_and(|pull| pull >= since) {
                Ok(Spared::PulledWithin(period))
            } else if tag.start >= since {
                Ok(Spared::NewerThan(period))
            } else {
                Err(Overdue::NotPulledFor(period))
            }
        }
    }
}

impl Overdue {
    /// Whether the verdict depends on other tags.
    pub fn is_relative(self) -> bool {
        matches!(self, Self::BeyondNewest(_))
    }

    /// The reason as a stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::BeyondNewest(_) => "beyond_newest",
            Self::OlderThan(_) => "older_than",
            Self::NotPulledFor(_) => "not_pulled_for",
        }
    }
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeyondNewest(number) => {
                write!(f, "The policy keeps the newest {number}, and this is older.")
            }
            Self::OlderThan(period) => {
                write!(f, "The tag has pointed at its manifest for more than {period}.")
            }
            Self::NotPulledFor(period) => {
                write!(
                    f,
                    "The tag was neither pulled by its name nor pushed or moved for more than {period}."
                )
            }
        }
    }
}

impl Spared {
    /// The reason as a stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotCovered => "not_covered",
            Self::AmongNewest(_) => "among_newest",
            Self::NewerThan(_) => "newer_than",
            Self::PulledWithin(_) => "pulled_within",
        }
    }
}

impl fmt::Display for Spared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCovered => f.write_str("The policy's pattern leaves the tag out."),
            Self::AmongNewest(number) => write!(f, "The tag is one of the newest {number}."),
            Self::NewerThan(period) => {
                write!(f, "The tag was pushed, moved or restored within the last {period}.")
            }
            Self::PulledWithin(period) => {
                write!(f, "The tag was pulled by its name within the last {period}.")
            }
        }
    }
}

impl Exemption {
    /// The reason as a stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Immutable => "immutable",
            Self::CosignSibling => "cosign_sibling",
        }
    }
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Immutable => "The tag is immutable.",
            Self::CosignSibling => "The tag belongs to an image that Cosign signed, and goes with it.",
        })
    }
}

#[cfg(test)]
mod tests;
