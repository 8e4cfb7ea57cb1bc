//! What operators tell everybody.

use crate::{Result, Tx, params, sql};

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name on the wire.
    pub uuid: String,
    /// How bad it is.
    pub severity: String,
    /// What the content is written in.
    pub media_type: String,
    /// The text.
    pub content: String,
}

/// Adds a message.
pub fn insert(tx: &mut Tx<'_>, message: &Message) -> Result<()> {
    tx.execute(
        sql!("INSERT INTO message (uuid, severity, media_type, content) VALUES (?1, ?2, ?3, ?4)"),
        params![&message.uuid, &message.severity, &message.media_type, &message.content],
    )
    .map(drop)
}

/// The oldest `limit` messages, oldest first.
pub fn all(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Message>> {
    tx.all(
        sql!("SELECT uuid, severity, media_type, content FROM message ORDER BY id LIMIT ?1"),
        params![limit],
        |row| {
            Ok(Message {
                uuid: row.get(0)?,
                severity: row.get(1)?,
                media_type: row.get(2)?,
                content: row.get(3)?,
            })
        },
    )
}

/// Deletes the message of that name; whether there was one.
pub fn delete(tx: &mut Tx<'_>, uuid: &str) -> Result<bool> {
    Ok(tx.execute(sql!("DELETE FROM message WHERE uuid = ?1"), params![uuid])? > 0)
}
