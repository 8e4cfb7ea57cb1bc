//! Manifests: pushing, pulling, deleting, and what keeps them.

mod delete;
mod keep;
mod pull;
mod push;

pub use delete::delete;
pub(crate) use keep::{Reach, reach, revive};
pub use pull::{Pulled, Referrer, pull, referrers};
pub use push::{Push, Pushed, push};
