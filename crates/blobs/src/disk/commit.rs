//! Turning an upload into a blob.

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;

use uuid::Uuid;
use wharfinger_model::{Algorithm, Digest};

use super::folders::{self, Folders};
use crate::hash::Hash;
use crate::{Error, Result, UploadState};

/// How many bytes are hashed at once.
const BLOCK: usize = 256 * 1024;

/// Moves the upload's file to the blob's place, and returns its size in bytes.
pub(super) fn commit(folders: &Folders, id: Uuid, state: &UploadState, digest: &Digest) -> Result<u64> {
    let upload = folders.upload(id);
    let Some(file) = folders::open(OpenOptions::new().read(true).write(true), &upload)? else {
        return commit_again(folders, state, digest);
    };
    let length = file.metadata()?.len();
    if length < state.offset {
        return Err(Error::UploadLost);
    }
    verify(&file, state, digest)?;
    if is_there(folders, digest, state.offset)? {
        // Whoever put it there has synced the file, but perhaps not come to the folder yet.
        sync_place(folders, digest)?;
        folders::remove(&upload)?;
        return Ok(state.offset);
    }
    // What an appender finished is synced; a file just begun, or one that is cut now, is not.
    if length > state.offset || state.offset == 0 {
        file.set_len(state.offset)?;
        sync_or_discard(folders, id, &file)?;
    }
    folders.create_shard(digest)?;
    let moved = folders::optional(fs::rename(&upload, folders.blob(digest)))?;
    moved.ok_or(Error::UploadLost)?;
    folders::sync(&folders.shard(digest))?;
    Ok(state.offset)
}

/// Syncs an upload's file. If that fails the file is thrown away: the system has forgotten which bytes are not written,
/// so another attempt would succeed whatever is lost.
pub(super) fn sync_or_discard(folders: &Folders, id: Uuid, file: &File) -> Result<()> {
    let Err(error) = file.sync_data() else { return Ok(()) };
    tracing::error!(%id, %error, "an upload could not be synced and is thrown away");
    folders::remove(&folders.upload(id))?;
    Err(error.into())
}

/// What an upload without a file is: lost, unless it was committed before. Its own hash must prove that: who only names
/// a digest must not get the blob.
fn commit_again(folders: &Folders, state: &UploadState, digest: &Digest) -> Result<u64> {
    if state.digest() != *digest || !is_there(folders, digest, state.offset)? {
        return Err(Error::UploadLost);
    }
    sync_place(folders, digest)?;
    Ok(state.offset)
}

/// Whether the blob is there, as long as it must be. One that was cut short is as good as none.
fn is_there(folders: &Folders, digest: &Digest, size: u64) -> Result<bool> {
    let found = folders::optional(fs::metadata(folders.blob(digest)))?;
    Ok(found.is_some_and(|found| found.len() == size))
}

fn sync_place(folders: &Folders, digest: &Digest) -> Result<()> {
    folders.create_shard(digest)?;
    Ok(folders::sync(&folders.shard(digest))?)
}

fn verify(file: &File, state: &UploadState, digest: &Digest) -> Result<()> {
    let actual = if digest.algorithm() == state.algorithm() {
        state.digest()
    } else {
        // Clients may name an algorithm only at the end, and few name another than the usual one: not worth a second
        // running hash for all.
        hash_again(file, state.offset, digest.algorithm())?
    };
    if actual == *digest { Ok(()) } else { Err(Error::DigestMismatch) }
}

fn hash_again(file: &File, length: u64, algorithm: Algorithm) -> Result<Digest> {
    let mut hash = Hash::new(algorithm);
    let mut left = file.take(length);
    let mut block = vec![0; BLOCK];
    loop {
        match left.read(&mut block) {
            Ok(0) => break,
            Ok(count) => hash.update(&block[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(hash.digest())
}
