//! The life of tags: listing it, and changing it through one door.

mod asked;
mod change;
mod commands;
mod expired;
mod history;
mod list;
mod purge;
mod record;
mod siblings;

pub(crate) use asked::{Cause, Context, TagChange};
pub(crate) use change::{apply, apply_all};
pub(crate) use commands::lock;
pub use commands::{
    ManifestWanted, TagUpdate, authorize_read, authorize_write, change, delete, purge, restore,
};
pub use expired::close_expired;
pub use history::{Event, History, HistoryEntry, HistoryQuery, history};
pub(crate) use list::newest_living;
pub use list::{IndexView, ListQuery, Living, LivingTag, NameFilter, Names, TagPage, TagView, list, names};
