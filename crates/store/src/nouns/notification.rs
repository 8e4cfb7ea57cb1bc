//! Whom to tell of what happens in a repository.

use super::RepositoryId;
use crate::{Result, Row, Tx, params, sql};

/// What a new notification is made of.
#[derive(Debug)]
pub struct NewNotification<'a> {
    /// Its name on the wire.
    pub uuid: &'a str,
    /// What somebody called it.
    pub title: Option<&'a str>,
    /// What has to happen.
    pub event: &'a str,
    /// More about that: a JSON object.
    pub event_config: &'a str,
    /// How it is told.
    pub method: &'a str,
    /// To whom: a JSON object.
    pub config: &'a str,
}

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its name on the wire.
    pub uuid: String,
    /// What somebody called it.
    pub title: Option<String>,
    /// What has to happen.
    pub event: String,
    /// More about that: a JSON object.
    pub event_config: String,
    /// How it is told.
    pub method: String,
    /// To whom: a JSON object.
    pub config: String,
    /// How often telling has failed since it last worked.
    pub failures: i64,
}

impl Notification {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            uuid: row.get(0)?,
            title: row.get(1)?,
            event: row.get(2)?,
            event_config: row.get(3)?,
            method: row.get(4)?,
            config: row.get(5)?,
            failures: row.get(6)?,
        })
    }
}

/// Adds a notification.
pub fn insert(tx: &mut Tx<'_>, repository: RepositoryId, new: &NewNotification<'_>) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO notification
                (repository_id, uuid, title, event, event_config, method, config, failures)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)"
        ),
        params![repository, new.uuid, new.title, new.event, new.event_config, new.method, new.config],
    )
    .map(drop)
}

/// How many the repository has.
pub fn count(tx: &mut Tx<'_>, repository: RepositoryId) -> Result<i64> {
    tx.one(sql!("SELECT COUNT(*) FROM notification WHERE repository_id = ?1"), params![repository], |row| {
        row.get(0)
    })
}

/// At most `limit` notifications of the repository, oldest first.
pub fn all(tx: &mut Tx<'_>, repository: RepositoryId, limit: i64) -> Result<Vec<Notification>> {
    tx.all(
        sql!(
            "SELECT uuid, title, event, event_config, method, config, failures FROM notification
             WHERE repository_id = ?1 ORDER BY id LIMIT ?2"
        ),
        params![repository, limit],
        Notification::from_row,
    )
}

/// The repository's notification of that name, if it has one.
pub fn find(tx: &mut Tx<'_>, repository: RepositoryId, uuid: &str) -> Result<Option<Notification>> {
    tx.optional(
        sql!(
            "SELECT uuid, title, event, event_config, method, config, failures FROM notification
             WHERE uuid = ?2 AND repository_id = ?1"
        ),
        params![repository, uuid],
        Notification::from_row,
    )
}

/// Forgets how often the repository's notification of that name has failed.
pub fn reset_failures(tx: &mut Tx<'_>, repository: RepositoryId, uuid: &str) -> Result<()> {
    tx.execute(
        sql!("UPDATE notification SET failures = 0 WHERE uuid = ?2 AND repository_id = ?1"),
        params![repository, uuid],
    )
    .map(drop)
}

/// Deletes the repository's notification of that name.
pub fn delete(tx: &mut Tx<'_>, repository: RepositoryId, uuid: &str) -> Result<()> {
    tx.execute(
        sql!("DELETE FROM notification WHERE uuid = ?2 AND repository_id = ?1"),
        params![repository, uuid],
    )
    .map(drop)
}
