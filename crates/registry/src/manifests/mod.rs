//! Manifests: pushing, pulling, deleting, and what keeps them.

mod config;
mod delete;
mod image_labels;
mod keep;
pub mod labels;
mod pull;
mod push;
mod referrers;
mod store;
mod view;

pub use delete::delete;
pub(crate) use keep::{Reach, reach, revive};
pub use pull::{Pulled, head, pull};
pub use push::{Push, Pushed, push};
pub use referrers::{MAX_REFERRERS, Referrer, Referrers, ReferrersQuery, referrers};
pub use view::{ManifestView, view};
