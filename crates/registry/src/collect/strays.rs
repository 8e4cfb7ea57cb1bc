//! Files that no row tells of: what a crash between the file and the row of a push has left.
//!
//! The upload that was about to become such a file is remembered still: whoever goes on with it is told that it is whole.
//! So the file waits for as long as that.

use std::collections::BTreeSet;

use wharfinger_blobs::{Listed, UploadState};
use wharfinger_model::Digest;
use wharfinger_store::{blob, doomed, upload};

use crate::{Registry, Result};

/// Whether files that no row tells of are looked for, which means to look at every file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strays {
    /// Look for them: the program may have crashed since they were looked for last.
    Sweep,
    /// Leave them.
    Leave,
}

/// What strays there are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// Dooms every stray; how many there were.
pub(super) async fn doom(registry: &Registry) -> Result<u64> {
    let awaited = awaited(registry).await?;
    let mut doomed = 0;
    let mut after = None;
    loop {
        let page = registry.bytes().list(after.as_ref()).await?;
        let Some(last) = page.last() else { return Ok(doomed) };
        after = Some(last.digest.clone());
        for stray in strays(registry, page, &awaited).await? {
            // A push that is under way has the file but not yet the row.
            let _claim = registry.0.claims.take(&stray.digest).await;
            let size = i64::try_from(stray.size).unwrap_or(i64::MAX);
            let is_stray =
                registry.write(move |tx| Ok(doomed::insert_unclaimed(tx, &stray.digest, size)?)).await?;
            doomed += u64::from(is_stray);
        }
    }
}

/// How many strays there are, and how long they are.
pub(super) async fn count(registry: &Registry) -> Result<Found> {
    let awaited = awaited(registry).await?;
    let mut found = Found::default();
    let mut after = None;
    loop {
        let page = registry.bytes().list(after.as_ref()).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.digest.clone());
        for stray in strays(registry, page, &awaited).await? {
            found.files += 1;
            found.bytes += stray.size;
        }
    }
}

/// Those of the files that have no blob's row, are not doomed, and no upload waits for.
pub(crate) async fn strays(
    registry: &Registry,
    mut page: Vec<Listed>,
    awaited: &BTreeSet<Digest>,
) -> Result<Vec<Listed>> {
    page.retain(|file| !awaited.contains(&file.digest));
    registry
        .scan(move |tx| {
            let mut strays = Vec::new();
            for file in &page {
                if !blob::exists(tx, &file.digest)? && !doomed::contains(tx, &file.digest)? {
                    strays.push(file.clone());
                }
            }
            Ok(strays)
        })
        .await
}

/// What the uploads under way would become if they ended where they stand.
pub(crate) async fn awaited(registry: &Registry) -> Result<BTreeSet<Digest>> {
    const PAGE: i64 = 1000;
    let (mut awaited, mut after) = (BTreeSet::new(), String::new());
    loop {
        let from = after.clone();
        let page = registry.scan(move |tx| Ok(upload::states(tx, &from, PAGE)?)).await?;
        let Some((last, _)) = page.last() else { return Ok(awaited) };
        after.clone_from(last);
        // What can't be read is going to become nothing.
        awaited
            .extend(page.iter().filter_map(|(_, state)| Some(UploadState::from_bytes(state).ok()?.digest())));
    }
}

/// Dooms the file that an upload, which is forgotten now, has left if a crash came between its becoming a blob and the
/// row.
pub(crate) async fn left_by(registry: &Registry, state: &[u8]) -> Result<()> {
    let Ok(digest) = UploadState::from_bytes(state).map(|state| state.digest()) else { return Ok(()) };
    let _claim = registry.0.claims.take(&digest).await;
    let Some(file) = registry.bytes().open(&digest).await? else { return Ok(()) };
    let size = i64::try_from(file.len()).unwrap_or(i64::MAX);
    registry.write(move |tx| Ok(doomed::insert_unclaimed(tx, &digest, size).map(drop)?)).await
}
