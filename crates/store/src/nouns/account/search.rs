//! Looking for accounts by the beginning of their names. No name has a tilde, which comes behind all that names have.

use super::Kind;
use crate::repository::Reader;
use crate::{AccountId, Result, Tx, like, params, sql};

/// At most `limit` users whose names begin with `prefix`, by name, and whether each is in a team of `organization`.
pub fn users_beginning(
    tx: &mut Tx<'_>,
    prefix: &str,
    organization: Option<AccountId>,
    limit: i64,
) -> Result<Vec<(String, bool)>> {
    tx.all(
        sql!(
            "SELECT a.name, EXISTS (SELECT 1 FROM team t JOIN team_member m ON m.team_id = t.id
                                    WHERE t.organization_id = ?2 AND m.account_id = a.id)
             FROM account a
             WHERE a.kind = 'user' AND a.deleted_ms IS NULL AND a.name >= ?1 AND a.name < ?1 || '~'
             ORDER BY a.name LIMIT ?3"
        ),
        params![prefix, organization, limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// At most `limit` full names of robots of `owner` whose short names begin with `prefix`, by name.
pub fn robots_beginning(tx: &mut Tx<'_>, owner: AccountId, prefix: &str, limit: i64) -> Result<Vec<String>> {
    tx.all(
        sql!(
            "SELECT a.name FROM robot b JOIN account a ON a.id = b.account_id
             WHERE b.owner_id = ?1 AND b.short_name >= ?2 AND b.short_name < ?2 || '~'
             ORDER BY b.short_name LIMIT ?3"
        ),
        params![owner, prefix, limit],
        |row| row.get(0),
    )
}

/// At most `limit` full names of robots that contain `text` and belong to `account` or to an organization that it
/// administers.
pub fn robots_containing(tx: &mut Tx<'_>, account: AccountId, text: &str, limit: i64) -> Result<Vec<String>> {
    tx.all(
        sql!(
            "SELECT a.name FROM robot b JOIN account a ON a.id = b.account_id
             WHERE b.owner_id IN (SELECT CAST(?1 AS BIGINT)
                                  UNION
                                  SELECT t.organization_id FROM team_member m JOIN team t ON t.id = m.team_id
                                  WHERE m.account_id = ?1 AND t.role = 'admin')
               AND a.name LIKE ?2 ESCAPE '!' LIMIT ?3"
        ),
        params![account, &like::containing(text), limit],
        |row| row.get(0),
    )
}

/// At most `limit` users and organizations whose names begin with `prefix`, by name: those in whose namespaces `reader`
/// may read anything.
pub fn namespaces_beginning(
    tx: &mut Tx<'_>,
    prefix: &str,
    reader: Reader,
    limit: i64,
) -> Result<Vec<(String, Kind)>> {
    tx.all(
        sql!(
            "SELECT n.name, n.kind FROM account n
             WHERE n.name >= ?1 AND n.name < ?1 || '~' AND n.kind <> 'robot' AND n.deleted_ms IS NULL
               AND (?3 = TRUE OR n.id = ?4
                    OR EXISTS (SELECT 1 FROM repository r
                               WHERE r.full_name > n.name || '/' AND r.full_name < n.name || '0'
                                 AND r.public = TRUE AND r.deleted_ms IS NULL)
                    OR EXISTS (SELECT 1 FROM team t JOIN team_member m ON m.team_id = t.id
                               WHERE t.organization_id = n.id AND m.account_id = ?4)
                    OR EXISTS (SELECT 1 FROM permission p
                               WHERE p.account_id = ?4 AND p.full_name > n.name || '/' AND p.full_name < n.name || '0'))
             ORDER BY n.name LIMIT ?2"
        ),
        params![prefix, limit, reader.everything, reader.account],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
