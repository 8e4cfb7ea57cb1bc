//! What every storage of blobs promises. A new one is held to it by one line at the end of this file.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod committing;
mod listing;
mod reading;
mod uploading;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use uuid::Uuid;
use wharfinger_blobs::{Blobs, Disk, Measured, Metrics, Result, UploadState};
use wharfinger_model::{Algorithm, Digest};

/// A place that storages open, one after another, as processes do.
trait Backend: Send + Sync {
    async fn open(&self) -> Arc<dyn Blobs>;
}

/// A folder of its own for each test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Backend for Folder {
    async fn open(&self) -> Arc<dyn Blobs> {
        Arc::new(Disk::open(self.0.path()).await.unwrap())
    }
}

/// The same, measured.
struct MeasuredFolder(Folder);

impl Backend for MeasuredFolder {
    async fn open(&self) -> Arc<dyn Blobs> {
        Arc::new(Measured::new(self.0.open().await, Metrics::default()))
    }
}

/// Bytes that differ at every place, and look like nothing else.
fn some_bytes(len: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// What somebody who remembered the state has of it.
fn remembered(state: &UploadState) -> UploadState {
    UploadState::from_bytes(&state.to_bytes()).unwrap()
}

async fn add(blobs: &dyn Blobs, id: Uuid, state: UploadState, bytes: &Bytes) -> UploadState {
    let mut appender = blobs.append(id, state).await.unwrap();
    appender.write(bytes.clone()).await.unwrap();
    appender.finish().await.unwrap()
}

/// An upload that has taken `bytes`.
async fn upload(blobs: &dyn Blobs, bytes: &Bytes) -> (Uuid, UploadState) {
    let id = Uuid::new_v4();
    let state = blobs.begin(id, Algorithm::Sha256).await.unwrap();
    (id, add(blobs, id, state, bytes).await)
}

/// A blob with `bytes`.
async fn store(blobs: &dyn Blobs, bytes: &Bytes) -> Digest {
    let digest = Digest::sha256(bytes);
    let (id, state) = upload(blobs, bytes).await;
    assert_eq!(blobs.commit(id, state, &digest).await.unwrap(), bytes.len() as u64);
    digest
}

async fn read(blobs: &dyn Blobs, digest: &Digest, range: Range<u64>) -> Result<Vec<u8>> {
    let mut stream = blobs.open(digest).await?.expect("the blob is there").stream(range);
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

/// That the blob is there, and is `bytes`.
async fn assert_stored(blobs: &dyn Blobs, digest: &Digest, bytes: &Bytes) {
    let reader = blobs.open(digest).await.unwrap().expect("the blob is there");
    assert_eq!(reader.len(), bytes.len() as u64);
    assert!(read(blobs, digest, 0..reader.len()).await.unwrap() == *bytes, "other bytes than were sent");
}

/// That nothing is left of uploads.
async fn assert_no_uploads(backend: &impl Backend) {
    assert_eq!(backend.open().await.uploads().await.unwrap(), Vec::<Uuid>::new());
}

/// Makes a test of every promise for a backend. A function can't make tests.
macro_rules! contract {
    ($name:ident, $backend:expr) => {
        mod $name {
            use super::*;

            contract!(in uploading, $backend, [
                parts_make_a_whole,
                an_upload_outlives_its_process,
                a_part_that_breaks_off_is_forgotten,
                nothing_is_cut_before_the_first_write,
                an_upload_has_one_writer,
                a_live_state_keeps_others_off,
                a_dropped_writer_is_waited_for,
                chunks_of_any_size_fit,
                an_aborted_upload_is_lost,
                unknown_uploads_are_lost,
                an_upload_begins_once,
                only_uploads_that_nobody_has_are_listed,
            ]);
            contract!(in committing, $backend, [
                what_is_sent_is_stored,
                nothing_can_be_stored,
                another_digest_keeps_the_upload,
                committing_again_is_no_error,
                a_digest_alone_gets_no_blob,
                the_same_bytes_may_come_twice,
                the_same_bytes_may_come_at_once,
                either_algorithm_is_taken_whichever_was_said,
                bytes_of_a_broken_part_are_not_committed,
                a_deleted_blob_can_come_again,
            ]);
            contract!(in listing, $backend, [
                every_blob_is_listed_once_and_in_order,
                a_blob_in_quarantine_is_not_there_and_can_come_again,
            ]);
            contract!(in reading, $backend, [
                an_unknown_blob_is_none,
                ranges_are_exact,
                a_range_beyond_the_end_fails,
                a_large_blob_comes_in_bounded_chunks,
                an_open_blob_outlives_its_deletion,
            ]);
        }
    };
    (in $subject:ident, $backend:expr, [$($case:ident,)+]) => {
        $(
            #[tokio::test]
            async fn $case() {
                let backend = $backend;
                $subject::$case(&backend).await;
                assert_no_uploads(&backend).await;
            }
        )+
    };
}

contract!(disk, Folder::new());
contract!(measured, MeasuredFolder(Folder::new()));
