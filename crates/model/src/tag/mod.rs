//! The life of a tag: lifetimes, the changes that may be asked of them, and what follows from each.

mod change;
mod lifetime;
mod plan;
#[cfg(test)]
mod tests;

pub use change::{Amendment, Change, Expiration, Protection, Purge};
pub use lifetime::{Birth, Lifetime};
pub use plan::{Plan, Refusal, plan, still_immutable};
