//! Accounts that are renamed, turned into others, or deleted.

use wharfinger_model::{Namespace, Timestamp};

use crate::{AccountId, Result, Tx, params, session, sql};

/// Gives a user or organization another name, and with it all that is called after it: repositories and robots.
///
/// # Errors
/// A unique violation when the name is taken.
pub fn rename(tx: &mut Tx<'_>, id: AccountId, name: &Namespace) -> Result<()> {
    let renaming = [
        sql!("UPDATE account SET name = ?2 WHERE id = ?1"),
        sql!(
            "UPDATE repository SET full_name = ?2 || '/' || name
             WHERE namespace_id = ?1 AND deleted_ms IS NULL"
        ),
        sql!(
            "UPDATE account SET name = ?2 || '+' || (SELECT short_name FROM robot WHERE account_id = account.id)
             WHERE id IN (SELECT account_id FROM robot WHERE owner_id = ?1)"
        ),
    ];
    for sql in renaming {
        tx.execute(sql, params![id, name.as_str()])?;
    }
    let copying = [
        sql!(
            "UPDATE permission
             SET full_name = (SELECT r.full_name FROM repository r WHERE r.id = permission.repository_id)
             WHERE repository_id IN (SELECT id FROM repository WHERE namespace_id = ?1 AND deleted_ms IS NULL)"
        ),
        sql!(
            "UPDATE team_permission
             SET full_name = (SELECT r.full_name FROM repository r WHERE r.id = team_permission.repository_id)
             WHERE repository_id IN (SELECT id FROM repository WHERE namespace_id = ?1 AND deleted_ms IS NULL)"
        ),
        sql!(
            "UPDATE star SET full_name = (SELECT r.full_name FROM repository r WHERE r.id = star.repository_id)
             WHERE repository_id IN (SELECT id FROM repository WHERE namespace_id = ?1 AND deleted_ms IS NULL)"
        ),
    ];
    for sql in copying {
        tx.execute(sql, params![id])?;
    }
    Ok(())
}

/// How long the longest full name of a living repository in the namespace is without the namespace, in bytes.
pub fn longest_repository(tx: &mut Tx<'_>, id: AccountId) -> Result<i64> {
    tx.one(
        sql!(
            "SELECT CAST(COALESCE(MAX(LENGTH(name)), 0) AS BIGINT) FROM repository
             WHERE namespace_id = ?1 AND deleted_ms IS NULL"
        ),
        params![id],
        |row| row.get(0),
    )
}

/// Makes an organization of a user, in which nobody is yet: as a person it is gone from everywhere.
pub fn become_organization(tx: &mut Tx<'_>, id: AccountId) -> Result<()> {
    leave(tx, id)?;
    tx.execute(
        sql!(
            "UPDATE account SET kind = 'organization', password_hash = NULL, superuser = FALSE, enabled = TRUE
             WHERE id = ?1"
        ),
        params![id],
    )?;
    // Robots of a disabled user were disabled with it.
    super::set_enabled(tx, id, true)
}

/// Forgets an account with all that it may and owns. Its name is free then; what it was called the log still tells, and
/// its repositories are collected later.
pub fn delete(tx: &mut Tx<'_>, id: AccountId, now: Timestamp) -> Result<()> {
    leave(tx, id)?;
    let robots =
        tx.all(sql!("SELECT account_id FROM robot WHERE owner_id = ?1"), params![id], |row| row.get(0))?;
    for robot in robots {
        leave(tx, robot)?;
        bury(tx, robot, now)?;
    }
    tx.execute(
        sql!("UPDATE repository SET deleted_ms = ?2 WHERE namespace_id = ?1 AND deleted_ms IS NULL"),
        params![id, now],
    )?;
    let owned = [
        sql!("DELETE FROM application WHERE organization_id = ?1"),
        sql!("DELETE FROM prototype WHERE organization_id = ?1"),
        sql!("DELETE FROM team WHERE organization_id = ?1"),
        sql!("DELETE FROM immutability_policy WHERE namespace_id = ?1"),
        sql!("DELETE FROM prune_policy WHERE namespace_id = ?1"),
        sql!("DELETE FROM pruned WHERE namespace_id = ?1"),
        sql!("DELETE FROM profile WHERE account_id = ?1"),
    ];
    for sql in owned {
        tx.execute(sql, params![id])?;
    }
    bury(tx, id, now)
}

/// Takes the account out of every team and away from every repository, and ends everything that it can show.
fn leave(tx: &mut Tx<'_>, id: AccountId) -> Result<()> {
    session::delete_all(tx, id)?;
    let held = [
        sql!("DELETE FROM access_token WHERE account_id = ?1"),
        sql!("DELETE FROM authorization_code WHERE account_id = ?1"),
        sql!("DELETE FROM app_token WHERE account_id = ?1"),
        sql!("DELETE FROM team_member WHERE account_id = ?1"),
        sql!("DELETE FROM permission WHERE account_id = ?1"),
        sql!("DELETE FROM star WHERE account_id = ?1"),
        sql!("DELETE FROM prototype WHERE account_id = ?1"),
        sql!("DELETE FROM prototype WHERE activating_id = ?1"),
    ];
    for sql in held {
        tx.execute(sql, params![id])?;
    }
    Ok(())
}

/// Leaves of an account what the log needs.
fn bury(tx: &mut Tx<'_>, id: AccountId, now: Timestamp) -> Result<()> {
    tx.execute(sql!("DELETE FROM robot WHERE account_id = ?1"), params![id])?;
    tx.execute(
        sql!(
            "UPDATE account SET former_name = name, name = ':' || id, deleted_ms = ?2, enabled = FALSE,
                                superuser = FALSE, email = NULL, password_hash = NULL
             WHERE id = ?1"
        ),
        params![id, now],
    )
    .map(drop)
}
