//! How many clients pulled on each day, and the keys that their addresses are hashed with.

use wharfinger_model::Distinct;

use super::super::SeriesId;
use crate::{Result, Tx, params, sql};

/// Adds clients to those of a day. A day that is closed stays as it is.
pub fn add(tx: &mut Tx<'_>, series: SeriesId, day: i64, clients: &Distinct) -> Result<()> {
    // This holds the row: others add to the same.
    let hashes: Option<Vec<u8>> = tx.one(
        sql!(
            "INSERT INTO pull_clients (series_id, day, clients, hashes) VALUES (?1, ?2, 0, ?3)
             ON CONFLICT (series_id, day) DO UPDATE SET clients = pull_clients.clients RETURNING hashes"
        ),
        params![series, day, &[0_u8; 0]],
        |row| row.get(0),
    )?;
    let Some(hashes) = hashes else { return Ok(()) };
    let known = Distinct::from_bytes(&hashes);
    let mut all = known.clone();
    all.merge(clients);
    if all == known {
        return Ok(());
    }
    tx.execute(
        sql!("UPDATE pull_clients SET clients = ?3, hashes = ?4 WHERE series_id = ?1 AND day = ?2"),
        params![series, day, all.count(), &all.to_bytes()],
    )
    .map(drop)
}

/// How many clients there were on each day from `first` until before `end`; days without any are left out.
pub fn counted(tx: &mut Tx<'_>, series: SeriesId, first: i64, end: i64) -> Result<Vec<(i64, i64)>> {
    tx.all(
        sql!("SELECT day, clients FROM pull_clients WHERE series_id = ?1 AND day >= ?2 AND day < ?3"),
        params![series, first, end],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Closes at most `limit` series of days before `day`: their numbers stay, and nothing is added any more. How many.
pub fn close(tx: &mut Tx<'_>, day: i64, limit: i64) -> Result<u64> {
    tx.execute(
        sql!(
            "UPDATE pull_clients SET hashes = NULL WHERE (series_id, day) IN
                (SELECT series_id, day FROM pull_clients WHERE hashes IS NOT NULL AND day < ?1
                 ORDER BY day LIMIT ?2)"
        ),
        params![day, limit],
    )
}

/// Forgets at most `limit` numbers of days before `day`; how many.
pub fn forget(tx: &mut Tx<'_>, day: i64, limit: i64) -> Result<u64> {
    tx.execute(
        sql!(
            "DELETE FROM pull_clients WHERE (series_id, day) IN
                (SELECT series_id, day FROM pull_clients WHERE day < ?1 ORDER BY day LIMIT ?2)"
        ),
        params![day, limit],
    )
}

/// Makes `proposed` the key of a day if it has none; the key that it has then.
pub fn make_key_once(tx: &mut Tx<'_>, day: i64, proposed: &[u8]) -> Result<Vec<u8>> {
    tx.execute(
        sql!("INSERT INTO pull_client_key (day, secret) VALUES (?1, ?2) ON CONFLICT (day) DO NOTHING"),
        params![day, proposed],
    )?;
    tx.one(sql!("SELECT secret FROM pull_client_key WHERE day = ?1"), params![day], |row| row.get(0))
}

/// Forgets the keys of days before `day`.
pub fn forget_keys(tx: &mut Tx<'_>, day: i64) -> Result<()> {
    tx.execute(sql!("DELETE FROM pull_client_key WHERE day < ?1"), params![day]).map(drop)
}
