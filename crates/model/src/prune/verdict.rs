//! What becomes of a tag, and why: as words for programs and sentences for people.

use std::fmt;
use std::num::NonZeroU64;

use crate::Period;

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
