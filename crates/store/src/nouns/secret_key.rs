//! The key from which secrets that can be shown again are derived.

use crate::{Result, Tx, params, sql};

/// Makes `proposed` the key if there is none; the key that holds then.
pub fn make_once(tx: &mut Tx<'_>, proposed: &[u8]) -> Result<Vec<u8>> {
    tx.execute(
        sql!("INSERT INTO secret_key (id, secret) VALUES (1, ?1) ON CONFLICT (id) DO NOTHING"),
        params![proposed],
    )?;
    tx.one(sql!("SELECT secret FROM secret_key WHERE id = 1"), &[], |row| row.get(0))
}
