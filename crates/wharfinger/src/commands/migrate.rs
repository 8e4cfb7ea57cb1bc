//! `wharfinger migrate`: bring the database to this version's schema, without serving.

use crate::config::Config;
use crate::{commands, deps, logging};

pub(super) const NAME: &str = "migrate";
pub(super) const ABOUT: &str = "Bring the database to this version's schema and exit";

pub(super) fn run(config: &Config) -> anyhow::Result<()> {
    let _logging = logging::start(&config.log)?;
    commands::runtime()?.block_on(async {
        // Whatever is opened is brought up to date first: that is all there is to do.
        deps::open(config).await?.db.close().await;
        anyhow::Ok(())
    })?;
    tracing::info!(database = %config.database, "the database is up to date");
    Ok(())
}
