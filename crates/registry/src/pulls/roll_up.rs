//! Rolling buckets up into longer ones.

use wharfinger_model::series::Step;
use wharfinger_store::pulls::{batch, clients, series};

use crate::{Registry, Result};

/// How many rows a unit of work takes away: nothing else waits long for it.
const ROWS: i64 = 200;

/// Rolls up what is too old to be told by hours or by days, and closes days. Each unit of work moves whole buckets, so it
/// may be broken off, and every replica may do it.
///
/// # Errors
/// When the store fails.
pub async fn roll_up(registry: &Registry) -> Result<()> {
    let now = registry.now();
    for step in [Step::Hour, Step::Day] {
        let before = step.kept_since(now);
        while registry.write(move |tx| Ok(series::roll_up(tx, step, before, ROWS)?)).await? > 0 {}
    }
    // Pulls of yesterday may still be on their way to the store, from here or from another replica.
    let yesterday = now.day() - 1;
    while registry.write(move |tx| Ok(clients::close(tx, yesterday, ROWS)?)).await? > 0 {}
    // Longer than anybody tries to write the same batch down.
    let silent_since = Step::Hour.kept_since(now);
    registry.write(move |tx| Ok(batch::forget(tx, silent_since)?)).await?;
    let kept_since = Step::Day.kept_since(now).day();
    while registry.write(move |tx| Ok(clients::forget(tx, kept_since, ROWS)?)).await? > 0 {}
    Ok(())
}
