//! The changes that may be asked of a tag.

use crate::Timestamp;

/// When a lifetime is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiration {
    /// Not by itself.
    Never,
    /// At this instant, which must lie in the future and before the year 10000.
    At(Timestamp),
}

/// Whether a lifetime is to be immutable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Set it: anyone who may write.
    Set,
    /// Unset it: administrators only.
    Unset,
}

/// What is asked about the resulting lifetime besides where it points. `None` leaves a thing as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amendment {
    /// Its scheduled end.
    pub expiration: Option<Expiration>,
    /// Its immutability.
    pub protection: Option<Protection>,
}

/// A change that is asked of one tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<M> {
    /// Begin a new lifetime at `manifest`, ending the present one if there is one.
    Point {
        /// Where the tag shall point.
        manifest: M,
        /// Whether this brings something back.
        reversion: bool,
        /// What the new lifetime shall be like.
        amendment: Amendment,
    },
    /// Change the living lifetime itself.
    Amend(Amendment),
    /// End the living lifetime.
    Delete,
    /// Take lifetimes out of the history.
    Purge(Purge<M>),
}

/// Which lifetimes are purged. A lifetime that was purged is empty, as if it had ended when it began: it is neither
/// listed nor brought back, whatever the window is or becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purge<M> {
    /// The living one.
    Living,
    /// Those at this manifest that are over.
    Dead(M),
}
