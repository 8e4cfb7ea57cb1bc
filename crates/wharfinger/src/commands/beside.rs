//! What commands need that work on the registry's own store, whether or not it is being served.

use wharfinger_registry::{Clock, Registry};

use crate::config::Config;
use crate::{app, commands, deps, logging};

/// Opens what `config` names beside whoever else has it, and lets `work` have it.
///
/// # Errors
/// When it can't be opened, or a server of another version runs; and whatever `work` says.
pub(super) fn with<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Registry) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let _logging = logging::start(&config.log)?;
    commands::runtime()?.block_on(async {
        let deps = deps::open_beside(config).await?;
        let app = app::build(config, deps, Clock::system()).await?;
        let (registry, deps) = app.split();
        let done = work(&registry).await;
        deps.db.close().await;
        done
    })
}
