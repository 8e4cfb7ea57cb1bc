//! Auto-prune policies: laying them down, asking what they would do, and doing it.

mod policies;
mod preview;
mod rules;
mod run;
mod walk;

pub use policies::{NewPolicy, PolicyView, create, delete, get, list, update};
pub use preview::{Judged, Page, Preview, Summaries, Summary, preview, try_in_namespace, try_in_repository};
pub use run::round;
