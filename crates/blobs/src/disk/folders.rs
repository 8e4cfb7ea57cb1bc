//! Where things lie on a disk: `blobs/<algorithm>/<two digits>/<digits>` and `uploads/<id>`.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;
use wharfinger_model::{Algorithm, Digest};

use crate::Listed;

/// Only the program's own user may look into the folders.
const FOLDER_MODE: u32 = 0o700;
/// Only the program's own user may read the files.
const FILE_MODE: u32 = 0o600;

/// The folders of a storage.
pub(super) struct Folders {
    pub(super) root: PathBuf,
    blobs: PathBuf,
    uploads: PathBuf,
    /// Folders of blobs that are known to survive a loss of power.
    synced: Mutex<HashSet<PathBuf>>,
}

impl Folders {
    /// Creates what is missing.
    pub(super) fn create(root: &Path) -> io::Result<Self> {
        let (blobs, uploads) = (root.join("blobs"), root.join("uploads"));
        create_all(root)?;
        create_all(&uploads)?;
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let folder = blobs.join(algorithm.as_str());
            create_all(&folder)?;
            if fs::metadata(&folder)?.dev() != fs::metadata(&uploads)?.dev() {
                let text = "its folders `blobs` and `uploads` must lie on the same file system";
                return Err(io::Error::new(ErrorKind::CrossesDevices, text));
            }
        }
        Ok(Self { root: root.to_owned(), blobs, uploads, synced: Mutex::default() })
    }

    /// The file of an upload.
    pub(super) fn upload(&self, id: Uuid) -> PathBuf {
        self.uploads.join(id.hyphenated().to_string())
    }

    /// The file of a blob.
    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        self.shard(digest).join(digest.hex())
    }

    /// The folder of a blob's file.
    pub(super) fn shard(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(digest.algorithm().as_str()).join(&digest.hex()[..2])
    }

    /// Checks that blobs of the algorithm can lie here at all: where a disk is not mounted any more, none is lost.
    pub(super) fn check_there(&self, algorithm: Algorithm) -> io::Result<()> {
        fs::metadata(self.blobs.join(algorithm.as_str())).map(drop)
    }

    /// What lies in a folder of the storage, which need not be there: names, in no order.
    pub(super) fn entries(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let entries = optional(fs::read_dir(self.root.join(folder)))?;
        entries.into_iter().flatten().map(|entry| Ok(entry?.file_name())).collect()
    }

    /// Creates the folder of a blob's file, and syncs that it is there.
    pub(super) fn create_shard(&self, digest: &Digest) -> io::Result<()> {
        let shard = self.shard(digest);
        let synced = || self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if synced().contains(&shard) {
            return Ok(());
        }
        create(&shard)?;
        // Even if it was there: whoever created it may not have come to syncing it.
        sync_parent(&shard)?;
        synced().insert(shard);
        Ok(())
    }

    /// Creates the file of an upload, which must not be there.
    pub(super) fn create_upload(&self, id: Uuid) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(FILE_MODE).open(self.upload(id)).map(drop)
    }

    /// Syncs which uploads there are.
    pub(super) fn sync_uploads(&self) -> io::Result<()> {
        sync(&self.uploads)
    }

    /// The blobs of the first folder that has some after `after`, in the order of their digests. What is not called like a
    /// blob is none.
    pub(super) fn blobs_after(&self, after: Option<&Digest>) -> io::Result<Vec<Listed>> {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            if after.is_some_and(|after| after.algorithm() > algorithm) {
                continue;
            }
            let within = after.filter(|after| after.algorithm() == algorithm);
            for shard in 0..=u8::MAX {
                let name = format!("{shard:02x}");
                if within.is_some_and(|within| &within.hex()[..2] > name.as_str()) {
                    continue;
                }
                let mut found = listed(&self.blobs.join(algorithm.as_str()).join(&name), algorithm)?;
                // One that lies elsewhere than where it would be looked for is none.
                found.retain(|found| found.digest.hex().starts_with(&name));
                found.retain(|found| within.is_none_or(|within| found.digest > *within));
                if !found.is_empty() {
                    found.sort_by(|one, other| one.digest.cmp(&other.digest));
                    return Ok(found);
                }
            }
        }
        Ok(Vec::new())
    }

    /// The ids of all uploads that have a file.
    pub(super) fn uploads(&self) -> io::Result<Vec<Uuid>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.uploads)? {
            found.extend(upload_id(&entry?.file_name()));
        }
        Ok(found)
    }
}

/// Which upload a file is, if it is called like one.
pub(super) fn upload_id(name: &OsStr) -> Option<Uuid> {
    let name = name.to_str()?;
    Uuid::parse_str(name).ok().filter(|id| id.hyphenated().to_string() == name)
}

/// Which blob a file is, if it is called like one.
pub(super) fn blob_digest(name: &OsStr, algorithm: Algorithm) -> Option<Digest> {
    format!("{}:{}", algorithm.as_str(), name.to_str()?).parse().ok()
}

/// The blobs in a folder, which need not be there.
fn listed(folder: &Path, algorithm: Algorithm) -> io::Result<Vec<Listed>> {
    let mut found = Vec::new();
    for entry in optional(fs::read_dir(folder))?.into_iter().flatten() {
        let entry = entry?;
        let Some(digest) = blob_digest(&entry.file_name(), algorithm) else { continue };
        // One that was deleted since the folder was read is not there.
        if let Some(metadata) = optional(fs::metadata(entry.path()))?.filter(Metadata::is_file) {
            found.push(Listed { digest, size: metadata.len() });
        }
    }
    Ok(found)
}

/// Opens a file, if it is there.
pub(super) fn open(options: &OpenOptions, path: &Path) -> io::Result<Option<File>> {
    optional(options.open(path))
}

/// Removes a file. Whether it was there.
pub(super) fn remove(path: &Path) -> io::Result<bool> {
    Ok(optional(fs::remove_file(path))?.is_some())
}

/// Syncs a folder: which files are in it.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What was found, if anything was.
pub(super) fn optional<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        // In a file nothing is found either.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates a folder and those that it lies in, and syncs that they are there.
pub(super) fn create_all(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_all(parent)?;
    }
    create(folder)?;
    sync_parent(folder)
}

fn create(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        created => created,
    }
}

fn sync_parent(folder: &Path) -> io::Result<()> {
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync(parent),
        _ => sync(Path::new(".")),
    }
}
