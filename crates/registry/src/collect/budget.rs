//! How much one unit of work may do.

/// How many rows a unit of work looks at or takes away: so few that nobody waits long for it, whatever hangs on what.
pub(super) const ROWS: i64 = 100;
/// A manifest's content is as much work as a row for each so many bytes.
const BYTES_OF_A_ROW: i64 = 64 * 1024;

/// What a unit of work may still do, in rows. Whatever it can't do the next one does.
#[derive(Debug)]
pub(super) struct Budget(i64);

impl Budget {
    /// That of a whole unit of work.
    pub(super) fn whole() -> Self {
        Self(ROWS)
    }

    /// How many rows may still be looked at or taken away; 0 when it is spent.
    pub(super) fn left(&self) -> i64 {
        self.0.max(0)
    }

    /// Whether the unit of work should end.
    pub(super) fn is_spent(&self) -> bool {
        self.0 <= 0
    }

    /// So many rows were looked at or taken away.
    pub(super) fn spend(&mut self, rows: i64) {
        self.0 -= rows;
    }

    /// A row was taken away that held so many bytes.
    pub(super) fn spend_on_content(&mut self, bytes: i64) {
        self.spend(1 + bytes / BYTES_OF_A_ROW);
    }
}
