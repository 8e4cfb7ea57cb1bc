//! What should not lie where it lies: finding it, and putting it where nobody reads it.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wharfinger_model::{Algorithm, Digest};

use super::folders::{Folders, blob_digest, create_all, optional, sync, upload_id};

impl Folders {
    /// Moves a blob's file to where nobody reads it.
    pub(super) fn quarantine(&self, digest: &Digest) -> io::Result<()> {
        self.put_aside(&self.blob(digest), &format!("{}-{}", digest.algorithm().as_str(), digest.hex()))
    }

    /// Does the same with one of [`strangers`](Self::strangers).
    pub(super) fn quarantine_stranger(&self, stranger: &Path) -> io::Result<()> {
        let parts: Vec<_> = stranger.iter().map(OsStr::to_string_lossy).collect();
        self.put_aside(&self.root.join(stranger), &parts.join("-"))
    }

    fn put_aside(&self, from: &Path, name: &str) -> io::Result<()> {
        let quarantine = self.root.join("quarantine");
        create_all(&quarantine)?;
        // What was put there before is an operator's to look at.
        let (mut free, mut copies) = (quarantine.join(name), 1);
        while optional(fs::symlink_metadata(&free))?.is_some() {
            copies += 1;
            free = quarantine.join(format!("{name}.{copies}"));
        }
        if optional(fs::rename(from, free))?.is_some() {
            sync(&quarantine)?;
            from.parent().map_or(Ok(()), sync)?;
        }
        Ok(())
    }

    /// What is among the blobs and uploads without being one, by where it lies below the root. What lies in a folder that is
    /// none of ours is not looked at one by one.
    pub(super) fn strangers(&self) -> io::Result<Vec<PathBuf>> {
        let mut strangers = Vec::new();
        let algorithms = [Algorithm::Sha256, Algorithm::Sha512];
        let blobs = Path::new("blobs");
        self.look(blobs, &mut strangers, |name| {
            algorithms.iter().any(|algorithm| name == algorithm.as_str()).then_some(Kind::Folder)
        })?;
        for algorithm in algorithms {
            let folder = blobs.join(algorithm.as_str());
            self.look(&folder, &mut strangers, |name| is_shard(name).then_some(Kind::Folder))?;
            for shard in (0..=u8::MAX).map(|shard| format!("{shard:02x}")) {
                self.look(&folder.join(&shard), &mut strangers, |name| {
                    let digest = blob_digest(name, algorithm)?;
                    digest.hex().starts_with(&shard).then_some(Kind::File)
                })?;
            }
        }
        self.look(Path::new("uploads"), &mut strangers, |name| upload_id(name).map(|_| Kind::File))?;
        strangers.sort();
        Ok(strangers)
    }

    /// Adds what lies in a folder and is not of the kind that its name says, or has a name that says none.
    fn look(
        &self,
        folder: &Path,
        strangers: &mut Vec<PathBuf>,
        kind: impl Fn(&OsStr) -> Option<Kind>,
    ) -> io::Result<()> {
        for name in self.entries(folder)? {
            let place = folder.join(&name);
            let found = optional(fs::metadata(self.root.join(&place)))?;
            let is_ours = found.is_some_and(|found| match kind(&name) {
                Some(Kind::File) => found.is_file(),
                Some(Kind::Folder) => found.is_dir(),
                None => false,
            });
            if !is_ours {
                strangers.push(place);
            }
        }
        Ok(())
    }
}

/// What should have a name.
enum Kind {
    File,
    Folder,
}

fn is_shard(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| (0..=u8::MAX).any(|shard| format!("{shard:02x}") == name))
}
