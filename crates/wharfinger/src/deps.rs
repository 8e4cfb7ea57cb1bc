//! What the registry stands on: opened before anything else, closed after everything else.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};

use wharfinger_blobs::{Blobs, Disk};
use wharfinger_store::Db;

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
    /// Keeps other processes off the folder for as long as it is open.
    _lock: File,
}

/// Opens what `config` names, and creates what is missing.
///
/// # Errors
/// What can't be opened, with the setting that names it.
pub async fn open(config: &Config) -> anyhow::Result<Deps> {
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
    Ok(Deps { db: database(config).await?, blobs: Arc::new(blobs), _lock: lock })
}

/// Two processes would not know of each other's uploads.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let file =
        File::options().create(true).truncate(false).write(true).mode(0o600).open(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another process serves it"),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Opens the database and brings it to this version's schema.
///
/// # Errors
/// When it can't be reached, or a newer version has changed it.
pub async fn database(config: &Config) -> anyhow::Result<Db> {
    let opened = match &config.database {
        Database::Sqlite(file) => Db::open_sqlite(file).await,
        Database::Postgres(url) => Db::open_postgres(url.expose(), CONNECTIONS).await,
    };
    opened.with_context(|| {
        format!("{}: can't open the database `{}`", config.naming(setting::DATABASE), config.database)
    })
}

fn create_folder(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}
