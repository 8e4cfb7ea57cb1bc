//! What only a disk promises: which files there are, who may read them, and what their damage does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use uuid::Uuid;
use wharfinger_blobs::{Blobs, Disk, Error, UploadState};
use wharfinger_model::{Algorithm, Digest};

async fn upload(disk: &Disk, bytes: &Bytes) -> (Uuid, UploadState) {
    let id = Uuid::new_v4();
    let state = disk.begin(id, Algorithm::Sha256).await.unwrap();
    let mut appender = disk.append(id, state).await.unwrap();
    appender.write(bytes.clone()).await.unwrap();
    (id, appender.finish().await.unwrap())
}

async fn store(disk: &Disk, bytes: &Bytes) -> Digest {
    let (id, state) = upload(disk, bytes).await;
    let digest = Digest::sha256(bytes);
    disk.commit(id, state, &digest).await.unwrap();
    digest
}

async fn read(disk: &Disk, digest: &Digest) -> Vec<u8> {
    let reader = disk.open(digest).await.unwrap().unwrap();
    let chunks: Vec<Bytes> = reader.stream(0..reader.len()).try_collect().await.unwrap();
    chunks.concat()
}

fn place(root: &Path, digest: &Digest) -> PathBuf {
    root.join("blobs").join(digest.algorithm().as_str()).join(&digest.hex()[..2]).join(digest.hex())
}

/// Everything below `folder`, and below that.
fn all_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_below(&path));
        }
        found.push(path);
    }
    found
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn only_blobs_are_left_and_only_the_owner_may_read_them() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("not/there/yet");
    let disk = Disk::open(&root).await.unwrap();
    let (one, other) = (Bytes::from_static(b"one"), Bytes::from_static(b"other"));
    let stored = store(&disk, &one).await;
    let (id, state) = upload(&disk, &other).await;
    let digest = Algorithm::Sha512.digest(&other);
    disk.commit(id, state, &digest).await.unwrap();
    let (aborted, state) = upload(&disk, &other).await;
    let upload_file = root.join("uploads").join(aborted.to_string());
    assert_eq!(mode(&upload_file), 0o600);
    drop(state);
    disk.abort(aborted).await.unwrap();

    let (folders, mut files): (Vec<_>, Vec<_>) =
        all_below(parent.path()).into_iter().partition(|path| path.is_dir());
    files.sort();
    assert_eq!(files, [place(&root, &stored), place(&root, &digest)]);
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    for folder in &folders {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
}

#[tokio::test]
async fn a_blob_cut_short_while_it_is_read_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::open(root.path()).await.unwrap();
    let digest = store(&disk, &Bytes::from(vec![7; 4_000_000])).await;
    let reader = disk.open(&digest).await.unwrap().unwrap();
    let file = OpenOptions::new().write(true).open(place(root.path(), &digest)).unwrap();
    file.set_len(1_500_000).unwrap();
    let mut stream = reader.stream(0..reader.len());
    let mut received = 0;
    let error = loop {
        match stream.next().await {
            Some(Ok(chunk)) => received += chunk.len(),
            Some(Err(error)) => break error,
            None => panic!("the stream ended well after {received} bytes"),
        }
    };
    assert!(received <= 1_500_000);
    assert!(!error.to_string().contains('/'), "{error}");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_blob_cut_short_is_healed_by_the_next_push() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::open(root.path()).await.unwrap();
    let bytes = Bytes::from(vec![7; 10_000]);
    let digest = store(&disk, &bytes).await;
    OpenOptions::new().write(true).open(place(root.path(), &digest)).unwrap().set_len(5).unwrap();
    assert_eq!(store(&disk, &bytes).await, digest);
    assert_eq!(read(&disk, &digest).await, bytes);
}

#[tokio::test]
async fn a_stored_blob_is_not_written_again() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::open(root.path()).await.unwrap();
    let bytes = Bytes::from_static(b"the same");
    let digest = store(&disk, &bytes).await;
    let before = fs::metadata(place(root.path(), &digest)).unwrap();
    store(&disk, &bytes).await;
    let after = fs::metadata(place(root.path(), &digest)).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::ino(&before), std::os::unix::fs::MetadataExt::ino(&after));
}

#[tokio::test]
async fn an_upload_that_is_shorter_than_acknowledged_is_lost() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::open(root.path()).await.unwrap();
    let bytes = Bytes::from_static(b"acknowledged");
    let (id, state) = upload(&disk, &bytes).await;
    let again = UploadState::from_bytes(&state.to_bytes()).unwrap();
    let file = OpenOptions::new().write(true).open(root.path().join("uploads").join(id.to_string())).unwrap();
    file.set_len(5).unwrap();
    assert!(matches!(disk.append(id, state).await, Err(Error::UploadLost)));
    assert!(matches!(disk.commit(id, again, &Digest::sha256(&bytes)).await, Err(Error::UploadLost)));
}

#[tokio::test]
async fn what_a_crash_left_behind_the_acknowledged_bytes_is_cut_off() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::open(root.path()).await.unwrap();
    let (id, state) = upload(&disk, &Bytes::from_static(b"acknowledged")).await;
    let path = root.path().join("uploads").join(id.to_string());
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b" and much more that nobody heard of", state.offset()).unwrap();
    let mut appender = disk.append(id, state).await.unwrap();
    appender.write(Bytes::from_static(b", rest")).await.unwrap();
    let state = appender.finish().await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"acknowledged, rest");
    let digest = Digest::sha256(b"acknowledged, rest");
    disk.commit(id, state, &digest).await.unwrap();
    assert_eq!(read(&disk, &digest).await, b"acknowledged, rest");
}

#[tokio::test]
async fn files_that_are_no_uploads_are_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::open(root.path()).await.unwrap();
    fs::write(root.path().join("uploads/README"), "not ours").unwrap();
    assert_eq!(disk.uploads().await.unwrap(), Vec::<Uuid>::new());
}

#[tokio::test]
async fn a_place_that_is_no_folder_is_refused_without_its_path() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("secret-name");
    fs::write(&file, "").unwrap();
    let error = Disk::open(&file).await.unwrap_err();
    assert!(!error.to_string().contains("secret-name"), "{error}");
}

#[tokio::test]
async fn a_file_in_a_wrong_folder_is_no_blob_and_hides_none() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::open(root.path()).await.unwrap();
    let mut stored = Vec::new();
    for number in 0..20 {
        stored.push(store(&disk, &Bytes::from(format!("blob {number}"))).await);
    }
    stored.sort();
    let last = Path::new("blobs/sha256/00").join("f".repeat(64));
    fs::create_dir_all(root.path().join("blobs/sha256/00")).unwrap();
    fs::write(root.path().join(&last), "misplaced").unwrap();
    let mut listed: Vec<Digest> = Vec::new();
    loop {
        let page = disk.list(listed.last()).await.unwrap();
        if page.is_empty() {
            break;
        }
        listed.extend(page.into_iter().map(|blob| blob.digest));
    }
    assert_eq!(listed, stored);
    assert_eq!(disk.strangers().await.unwrap(), std::slice::from_ref(&last));
    disk.quarantine_stranger(&last).await.unwrap();
    assert!(disk.strangers().await.unwrap().is_empty());
    let aside = root.path().join("quarantine").join(format!("blobs-sha256-00-{}", "f".repeat(64)));
    assert_eq!(fs::read(aside).unwrap(), b"misplaced");
}

#[tokio::test]
async fn a_file_in_the_place_of_a_folder_is_a_stranger_and_nothing_is_in_it() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::open(root.path()).await.unwrap();
    let digest = store(&disk, &Bytes::from("blob")).await;
    let shard = Path::new("blobs/sha256").join(&digest.hex()[..2]);
    fs::remove_dir_all(root.path().join(&shard)).unwrap();
    fs::write(root.path().join(&shard), "").unwrap();
    assert_eq!(disk.list(None).await.unwrap(), []);
    assert!(disk.open(&digest).await.unwrap().is_none());
    assert_eq!(disk.strangers().await.unwrap(), [shard]);
}
