//! Carrying SQLite's write-ahead log into the database beside the writer, so that no commit waits for it.
//!
//! By itself SQLite does that in the commit that finds the log long enough, and everybody who waits to write waits for
//! the disk.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use super::workers;
use crate::Result;

/// After so many more pages of the log, each of 4096 bytes, what it holds is carried over.
const EACH: i32 = 1000;
/// The longest log, in pages. Only the writer can begin it anew, and only when all of it is carried over; that takes
/// no time when most of it was.
const LONGEST: i32 = 10_000;

/// The thread that carries over.
pub(super) struct Checkpoints(JoinHandle<()>);

/// Carries over what `writer` commits.
pub(super) fn start(writer: &mut Connection, beside: Connection) -> Result<Checkpoints> {
    // One that waits is enough: it will carry over what has come since.
    let (due, wait) = sync_channel(1);
    let thread = workers::thread("store-checkpoints", move || carry_over(&beside, &wait))?;
    let mut carried = 0;
    writer.wal_hook(Some(move |log: &mut Wal, pages| {
        if pages < carried {
            // The log was begun anew.
            carried = 0;
        }
        if pages >= LONGEST {
            // Where it fails the log is as good as before, and the next commit tries again.
            drop(log.checkpoint());
        } else if pages - carried >= EACH {
            // When it is full or gone, the log is carried over all the same, only later.
            due.try_send(()).unwrap_or_default();
            carried = pages;
        }
        Ok(())
    }))?;
    Ok(Checkpoints(thread))
}

impl Checkpoints {
    /// Ends the thread and carries over what is left, so that the store is one file when `writer` is closed. Of two
    /// connections that are closed at once, neither would see that it is the last one.
    pub(super) fn end(self, writer: &mut Connection) {
        // With its hook goes what the thread waits for.
        if writer.wal_hook(None::<fn(&mut Wal, i32) -> rusqlite::Result<()>>).is_ok() {
            drop(self.0.join());
        }
        drop(writer.pragma_update(None, "wal_checkpoint", "TRUNCATE"));
    }
}

fn carry_over(connection: &Connection, due: &Receiver<()>) {
    while due.recv().is_ok() {
        if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the database's log could not be carried over; it is tried again");
        }
    }
}
