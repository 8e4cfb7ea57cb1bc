//! What the registry stands on: opened before anything else, closed after everything else.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};

use wharfinger_blobs::{Blobs, Disk, Measured};
use wharfinger_store::{Db, Upgrade};

use crate::config::{Config, Database, Storage, setting};

/// Only the program's own user may look into the folder for data.
const FOLDER_MODE: u32 = 0o700;

/// How many connections to PostgreSQL one replica holds.
const CONNECTIONS: usize = 8;

/// What the registry stands on.
pub struct Deps {
    /// What is remembered.
    pub db: Db,
    /// Where bytes lie.
    pub blobs: Arc<dyn Blobs>,
    /// What is measured there.
    pub blob_metrics: wharfinger_blobs::Metrics,
    /// Keeps other processes off the folder for as long as it is open. None beside a process that has it.
    _lock: Option<File>,
}

/// Opens what `config` names, and creates what is missing.
///
/// # Errors
/// What can't be opened, with the setting that names it.
pub async fn open(config: &Config) -> anyhow::Result<Deps> {
    let (blobs, lock) = storage(config).await?;
    if lock.is_none() {
        let (setting, folder) = (config.naming(setting::STORAGE), &config.storage);
        bail!("{setting}: can't have `{folder}` to ourselves: another process serves it");
    }
    Ok(with(database(config).await?, blobs, lock))
}

/// Opens what `config` names for work that does no harm beside a server. If there is none, the database is brought to this
/// version's schema.
///
/// # Errors
/// As [`open`], and when the database of a server that runs is of another version.
pub async fn open_beside(config: &Config) -> anyhow::Result<Deps> {
    let (blobs, lock) = storage(config).await?;
    let db = match &lock {
        Some(_) => database(config).await?,
        None => opened(config, Upgrade::Never).await?,
    };
    Ok(with(db, blobs, lock))
}

fn with(db: Db, blobs: Arc<dyn Blobs>, lock: Option<File>) -> Deps {
    let blob_metrics = wharfinger_blobs::Metrics::default();
    let blobs = Arc::new(Measured::new(blobs, blob_metrics.clone()));
    Deps { db, blobs, blob_metrics, _lock: lock }
}

/// The storage of blobs, and a lock on it, if nobody else has that.
async fn storage(config: &Config) -> anyhow::Result<(Arc<dyn Blobs>, Option<File>)> {
    create_folder(&config.data).with_context(|| {
        let setting = config.naming(setting::DATA);
        format!("{setting}: can't create the folder `{}`", config.data.display())
    })?;
    let Storage::Disk(folder) = &config.storage;
    let blobs = Disk::open(folder).await;
    let blobs = blobs.with_context(|| {
        format!("{}: can't store blobs in `{}`", config.naming(setting::STORAGE), config.storage)
    })?;
    let lock = lock(folder).with_context(|| {
        format!("{}: can't have `{}` to ourselves", config.naming(setting::STORAGE), config.storage)
    })?;
    Ok((Arc::new(blobs), lock))
}

/// Two processes would not know of each other's uploads. None if another has the folder.
fn lock(folder: &Path) -> anyhow::Result<Option<File>> {
    let file =
        File::options().create(true).truncate(false).write(true).mode(0o600).open(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Opens the database and brings it to this version's schema.
///
/// # Errors
/// When it can't be reached, or a newer version has changed it.
pub async fn database(config: &Config) -> anyhow::Result<Db> {
    opened(config, Upgrade::Allowed).await
}

async fn opened(config: &Config, upgrade: Upgrade) -> anyhow::Result<Db> {
    let opened = match &config.database {
        Database::Sqlite(file) => Db::open_sqlite_with(file, upgrade).await,
        Database::Postgres(url) => Db::open_postgres_with(url.expose(), CONNECTIONS, upgrade).await,
    };
    opened.with_context(|| {
        format!("{}: can't open the database `{}`", config.naming(setting::DATABASE), config.database)
    })
}

fn create_folder(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}
