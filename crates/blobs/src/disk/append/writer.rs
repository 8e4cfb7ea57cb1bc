//! The half of an appender that waits for the disk.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, IoSlice};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::Errno;

use super::super::commit::sync_or_discard;
use super::super::folders::{self, Folders};
use crate::hash::Hash;
use crate::hold::Hold;
use crate::{Error, Result, UploadState};

/// How many chunks are written at once; the system takes no more.
const SLICES: usize = 1024;

/// An upload's file, open where the upload stands.
pub(super) struct Writer {
    folders: Arc<Folders>,
    file: File,
    /// How many bytes the file has that belong to no part.
    excess: u64,
    /// Where the part begins.
    base: u64,
    offset: u64,
    hash: Hash,
    hold: Hold,
}

impl Writer {
    pub(super) fn open(folders: Arc<Folders>, hold: Hold, state: UploadState) -> Result<Self> {
        let path = folders.upload(hold.id());
        let file = folders::open(OpenOptions::new().write(true), &path)?.ok_or(Error::UploadLost)?;
        let excess = file.metadata()?.len().checked_sub(state.offset).ok_or(Error::UploadLost)?;
        Ok(Self { folders, file, excess, base: state.offset, offset: state.offset, hash: state.hash, hold })
    }

    /// Hashes and writes a batch. When that fails, the file is as long as before the part.
    pub(super) fn write(mut self, batch: &[Bytes]) -> Result<Self> {
        match self.add(batch) {
            Ok(()) => Ok(self),
            Err(error) => {
                if let Err(error) = self.file.set_len(self.base) {
                    tracing::warn!(id = %self.hold.id(), %error, "a failed part of an upload keeps its space");
                }
                Err(error)
            }
        }
    }

    /// Writes the last batch, and syncs the part.
    pub(super) fn finish(self, batch: &[Bytes]) -> Result<UploadState> {
        let mut writer = self.write(batch)?;
        let cut = writer.cut_excess()?;
        // A part without bytes has nothing to sync, unless it is the first: then the file itself is new.
        if cut == Cut::Something || writer.offset > writer.base || writer.base == 0 {
            sync_or_discard(&writer.folders, writer.hold.id(), &writer.file)?;
        }
        if writer.file.metadata()?.nlink() == 0 {
            return Err(Error::UploadLost);
        }
        if writer.base == 0 {
            writer.folders.sync_uploads()?;
        }
        Ok(UploadState { offset: writer.offset, hash: writer.hash, hold: Some(writer.hold) })
    }

    fn add(&mut self, batch: &[Bytes]) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.cut_excess()?;
        for chunks in batch.chunks(SLICES) {
            let mut slices: Vec<_> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
            self.write_slices(&mut slices)?;
            for chunk in chunks {
                self.hash.update(chunk);
            }
        }
        Ok(())
    }

    fn write_slices(&mut self, mut slices: &mut [IoSlice<'_>]) -> Result<()> {
        while !slices.is_empty() {
            match rustix::io::pwritev(&self.file, slices, self.offset) {
                Ok(0) => return Err(std::io::Error::from(ErrorKind::WriteZero).into()),
                Ok(count) => {
                    self.offset += count as u64;
                    IoSlice::advance_slices(&mut slices, count);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Cuts off what a part that broke off has left.
    fn cut_excess(&mut self) -> Result<Cut> {
        if self.excess == 0 {
            return Ok(Cut::Nothing);
        }
        self.file.set_len(self.base)?;
        self.excess = 0;
        Ok(Cut::Something)
    }
}

/// Whether the file was longer than the upload.
#[derive(PartialEq, Eq)]
enum Cut {
    Nothing,
    Something,
}

#[cfg(test)]
mod tests {
    use std::fs;

    use wharfinger_model::Algorithm;

    use super::*;
    use crate::hold::Holds;

    #[tokio::test]
    async fn without_space_the_part_is_given_back() {
        let root = tempfile::tempdir().unwrap();
        let folders = Arc::new(Folders::create(root.path()).unwrap());
        let id = uuid::Uuid::new_v4();
        folders.create_upload(id).unwrap();
        let hold = Arc::new(Holds::default()).take(id).await.unwrap();
        let mut writer = Writer::open(Arc::clone(&folders), hold, state(0)).unwrap();
        writer.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = writer.write(&[Bytes::from_static(b"no space for these")]).err().unwrap();
        assert!(matches!(error, Error::Full), "{error:?}");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_synced_is_thrown_away() {
        let root = tempfile::tempdir().unwrap();
        let folders = Arc::new(Folders::create(root.path()).unwrap());
        let id = uuid::Uuid::new_v4();
        folders.create_upload(id).unwrap();
        let hold = Arc::new(Holds::default()).take(id).await.unwrap();
        let mut writer = Writer::open(Arc::clone(&folders), hold, state(0)).unwrap();
        // Takes any bytes, but can't be synced.
        writer.file = OpenOptions::new().write(true).open("/dev/null").unwrap();
        let error = writer.finish(&[Bytes::from_static(b"lost")]).unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        assert!(!fs::exists(folders.upload(id)).unwrap());
    }

    fn state(offset: u64) -> UploadState {
        UploadState { offset, hash: Hash::new(Algorithm::Sha256), hold: None }
    }
}
