//! How often a cache had what was looked for.

use crate::{Counter, Each, Labels};

/// What came of a look into a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// It was there.
    Hit,
    /// It had to be got from elsewhere.
    Miss,
}

/// How often a cache had what was looked for, and how often not.
pub type Lookups = Each<Lookup, Counter>;

impl Labels for Lookup {
    fn all() -> Vec<Self> {
        vec![Self::Hit, Self::Miss]
    }

    fn index(self) -> usize {
        self as usize
    }

    fn pairs(self) -> Vec<(&'static str, &'static str)> {
        vec![("result", if self == Self::Hit { "hit" } else { "miss" })]
    }
}
