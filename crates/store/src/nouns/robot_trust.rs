//! Whose signed tokens may act as a robot.

use super::{AccountId, RobotTrustId};
use crate::{Result, Tx, params, sql};

/// Adds a trust to those of a robot.
pub fn insert(tx: &mut Tx<'_>, robot: AccountId, trust: &str) -> Result<()> {
    tx.execute(sql!("INSERT INTO robot_trust (robot_id, trust) VALUES (?1, ?2)"), params![robot, trust])
        .map(drop)
}

/// Each trust of a robot, a JSON object, in the order in which they were added. The registry bounds their number.
pub fn of_robot(tx: &mut Tx<'_>, robot: AccountId) -> Result<Vec<(RobotTrustId, String)>> {
    tx.all(sql!("SELECT id, trust FROM robot_trust WHERE robot_id = ?1 ORDER BY id"), params![robot], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

/// Whether the robot still has this trust.
pub fn exists(tx: &mut Tx<'_>, robot: AccountId, id: RobotTrustId) -> Result<bool> {
    let found = tx.optional(
        sql!("SELECT id FROM robot_trust WHERE robot_id = ?1 AND id = ?2"),
        params![robot, id],
        |row| row.get::<i64>(0),
    )?;
    Ok(found.is_some())
}

/// Takes every trust away from a robot.
pub fn delete_all(tx: &mut Tx<'_>, robot: AccountId) -> Result<()> {
    tx.execute(sql!("DELETE FROM robot_trust WHERE robot_id = ?1"), params![robot]).map(drop)
}
