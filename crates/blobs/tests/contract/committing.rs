//! Uploads become blobs: wholly, under their own digest, and whatever was there before.

use bytes::Bytes;
use uuid::Uuid;
use wharfinger_blobs::Error;
use wharfinger_model::{Algorithm, Digest};

use crate::{Backend, add, assert_stored, remembered, some_bytes, store, upload};

pub(crate) async fn what_is_sent_is_stored(backend: &impl Backend) {
    let bytes = some_bytes(123_456, 20);
    let digest = store(&*backend.open().await, &bytes).await;
    assert_stored(&*backend.open().await, &digest, &bytes).await;
}

pub(crate) async fn nothing_can_be_stored(backend: &impl Backend) {
    let blobs = backend.open().await;
    let nothing = Bytes::new();
    let digest = store(&*blobs, &nothing).await;
    assert_stored(&*blobs, &digest, &nothing).await;
    assert!(blobs.open(&digest).await.unwrap().unwrap().is_empty());
    // Without a part, and of the other algorithm.
    let digest = Algorithm::Sha512.digest(&nothing);
    let id = Uuid::new_v4();
    let state = blobs.begin(id, Algorithm::Sha256).await.unwrap();
    assert_eq!(blobs.commit(id, state, &digest).await.unwrap(), 0);
    assert_stored(&*blobs, &digest, &nothing).await;
}

pub(crate) async fn another_digest_keeps_the_upload(backend: &impl Backend) {
    let blobs = backend.open().await;
    let whole = some_bytes(2_000, 21);
    let (id, state) = upload(&*blobs, &whole.slice(..1_000)).await;
    let (one, other) = (remembered(&state), remembered(&state));
    let wrong = Digest::sha256(&whole);
    assert!(matches!(blobs.commit(id, state, &wrong).await, Err(Error::DigestMismatch)));
    let wrong_too = Algorithm::Sha512.digest(&whole);
    assert!(matches!(blobs.commit(id, one, &wrong_too).await, Err(Error::DigestMismatch)));
    assert!(blobs.open(&wrong).await.unwrap().is_none());
    assert!(blobs.open(&wrong_too).await.unwrap().is_none());

    let state = add(&*blobs, id, other, &whole.slice(1_000..)).await;
    blobs.commit(id, state, &wrong).await.unwrap();
    assert_stored(&*blobs, &wrong, &whole).await;
}

pub(crate) async fn either_algorithm_is_taken_whichever_was_said(backend: &impl Backend) {
    let bytes = some_bytes(300_000, 26);
    for said in [Algorithm::Sha256, Algorithm::Sha512] {
        for named in [Algorithm::Sha256, Algorithm::Sha512] {
            let (id, half) = (Uuid::new_v4(), bytes.len() / 2);
            let blobs = backend.open().await;
            let state = blobs.begin(id, said).await.unwrap();
            let state = add(&*blobs, id, state, &bytes.slice(..half)).await;
            let stood = remembered(&state);
            drop(state);
            let state = add(&*blobs, id, stood, &bytes.slice(half..)).await;
            assert_eq!((state.algorithm(), state.digest()), (said, said.digest(&bytes)));
            let (digest, wrong) = (named.digest(&bytes), named.digest(b"wrong"));
            let again = remembered(&state);
            assert!(matches!(blobs.commit(id, state, &wrong).await, Err(Error::DigestMismatch)));
            blobs.commit(id, again, &digest).await.unwrap();
            assert_stored(&*blobs, &digest, &bytes).await;
        }
    }
}

pub(crate) async fn committing_again_is_no_error(backend: &impl Backend) {
    let blobs = backend.open().await;
    let bytes = some_bytes(1_000, 22);
    let digest = Digest::sha256(&bytes);
    let (id, state) = upload(&*blobs, &bytes).await;
    let again = remembered(&state);
    assert_eq!(blobs.commit(id, state, &digest).await.unwrap(), 1_000);
    assert_eq!(blobs.commit(id, again, &digest).await.unwrap(), 1_000);
    assert_stored(&*blobs, &digest, &bytes).await;
}

pub(crate) async fn a_digest_alone_gets_no_blob(backend: &impl Backend) {
    let blobs = backend.open().await;
    let bytes = some_bytes(1_000, 23);
    let sha256 = store(&*blobs, &bytes).await;
    let sha512 = Algorithm::Sha512.digest(&bytes);
    let (id, state) = upload(&*blobs, &bytes).await;
    blobs.commit(id, state, &sha512).await.unwrap();

    let (id, state) = upload(&*blobs, &some_bytes(1_000, 24)).await;
    blobs.abort(id).await.unwrap();
    assert!(matches!(blobs.commit(id, remembered(&state), &sha256).await, Err(Error::Busy)));
    let again = remembered(&state);
    assert!(matches!(blobs.commit(id, state, &sha256).await, Err(Error::UploadLost)));
    assert!(matches!(blobs.commit(id, again, &sha512).await, Err(Error::UploadLost)));
}

pub(crate) async fn the_same_bytes_may_come_twice(backend: &impl Backend) {
    let blobs = backend.open().await;
    let bytes = some_bytes(50_000, 25);
    let digest = store(&*blobs, &bytes).await;
    assert_eq!(store(&*blobs, &bytes).await, digest);
    assert_stored(&*blobs, &digest, &bytes).await;
}

pub(crate) async fn the_same_bytes_may_come_at_once(backend: &impl Backend) {
    let blobs = backend.open().await;
    let bytes = some_bytes(50_000, 26);
    let digest = Digest::sha256(&bytes);
    let mut pushes = Vec::new();
    for _ in 0..8 {
        let (id, state) = upload(&*blobs, &bytes).await;
        let (blobs, digest) = (std::sync::Arc::clone(&blobs), digest.clone());
        pushes.push(tokio::spawn(async move { blobs.commit(id, state, &digest).await }));
    }
    for push in pushes {
        assert_eq!(push.await.unwrap().unwrap(), 50_000);
    }
    assert_stored(&*blobs, &digest, &bytes).await;
}

pub(crate) async fn bytes_of_a_broken_part_are_not_committed(backend: &impl Backend) {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let blobs = backend.open().await;
        let bytes = some_bytes(1_000, 28);
        let (id, state) = upload(&*blobs, &bytes).await;
        let stood = remembered(&state);
        let mut appender = blobs.append(id, state).await.unwrap();
        appender.write(some_bytes(3_000_000, 29)).await.unwrap();
        // The part is on the disk, but its end is never heard of.
        drop(appender.finish().await.unwrap());
        let digest = algorithm.digest(&bytes);
        assert_eq!(blobs.commit(id, stood, &digest).await.unwrap(), 1_000);
        assert_stored(&*blobs, &digest, &bytes).await;
    }
}

pub(crate) async fn a_deleted_blob_can_come_again(backend: &impl Backend) {
    let blobs = backend.open().await;
    let bytes = some_bytes(1_000, 30);
    let digest = store(&*blobs, &bytes).await;
    assert!(blobs.delete(&digest).await.unwrap());
    assert!(!blobs.delete(&digest).await.unwrap());
    assert!(!blobs.delete(&Algorithm::Sha512.digest(b"never there")).await.unwrap());
    assert!(blobs.open(&digest).await.unwrap().is_none());
    store(&*blobs, &bytes).await;
    assert_stored(&*blobs, &digest, &bytes).await;
}
