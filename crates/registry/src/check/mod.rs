//! Checking whether what is remembered and what lies in the storage agree, and mending what can be mended without losing
//! anything. Nobody else should be at work meanwhile.

mod blobs;
mod files;
mod manifests;
mod tags;

use std::fmt;

use crate::{Registry, Result};

/// Whether what is wrong is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Only tell.
    No,
    /// Mend what can be mended; bytes are put aside, never deleted.
    Yes,
}

/// Something that is wrong, in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub what: String,
    /// What was done about it, if anything was.
    pub done: Option<&'static str>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.done.map_or(Ok(()), |done| write!(f, ": {done}"))
    }
}

/// Whoever hears what a check finds.
pub trait Listener: Send {
    /// Something is wrong.
    fn fault(&mut self, fault: Fault);

    /// So many things of a kind have been checked so far.
    fn progress(&mut self, kind: &'static str, count: u64);
}

/// A check under way.
struct Check<'a> {
    registry: &'a Registry,
    repair: Repair,
    listener: &'a mut dyn Listener,
}

impl Check<'_> {
    /// Tells of a fault, after `mend` has done something about it if that was asked for.
    async fn found(&mut self, what: String, done: &'static str, mend: impl Future<Output = Result<()>>) {
        let (what, done) = match self.repair {
            Repair::No => (what, None),
            Repair::Yes => match mend.await {
                Ok(()) => (what, Some(done)),
                // What is wrong with one thing keeps nobody from looking at the next.
                Err(error) => (format!("{what}; it could not be mended: {error}"), None),
            },
        };
        self.listener.fault(Fault { what, done });
    }

    /// Tells of a fault that can't be mended.
    fn beyond_repair(&mut self, what: String) {
        self.listener.fault(Fault { what, done: None });
    }
}

/// Checks everything: that every row has its bytes, every file its row, every digest its content, every tag its
/// manifest, and that links agree with manifests.
///
/// # Errors
/// When the store or the storage of blobs fails. What is wrong is no error.
pub async fn check(registry: &Registry, repair: Repair, listener: &mut dyn Listener) -> Result<()> {
    let mut check = Check { registry, repair, listener };
    // What lies in the place of a blob is out of its way then.
    files::check(&mut check).await?;
    blobs::check(&mut check).await?;
    manifests::check(&mut check).await?;
    tags::check(&mut check).await
}
