//! What commands need that work on a registry which nobody serves.

use anyhow::{Context, bail};
use wharfinger_registry::{Clock, Registry};

use crate::config::{Config, Database, setting};
use crate::deps;
use crate::{app, commands, logging};

/// Opens what `config` names and lets `work` have it alone.
///
/// # Errors
/// When there is nothing, or it can't be opened, as while a server runs; and whatever `work` says.
pub(super) fn with<T>(
    config: &Config,
    alone: &'static str,
    work: impl AsyncFnOnce(&Registry) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let _logging = logging::start(&config.log)?;
    if let Database::Sqlite(file) = &config.database
        && !file.exists()
    {
        // Of a registry that was made just now everything would agree.
        bail!(
            "{}: there is no registry: `{}` is not there",
            config.naming(setting::DATABASE),
            file.display()
        );
    }
    commands::runtime()?.block_on(async {
        let deps = deps::open(config).await.context(alone)?;
        let app = app::build(config, deps, Clock::system()).await?;
        let (registry, deps) = app.split();
        let done = work(&registry).await;
        deps.db.close().await;
        done
    })
}
