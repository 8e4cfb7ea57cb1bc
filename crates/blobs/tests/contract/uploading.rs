//! Uploads: parts are added at the acknowledged offset and nowhere else, by one writer at a time.

use bytes::Bytes;
use uuid::Uuid;
use wharfinger_blobs::Error;
use wharfinger_model::{Algorithm, Digest};

use crate::{Backend, add, assert_stored, remembered, some_bytes, upload};

pub(crate) async fn parts_make_a_whole(backend: &impl Backend) {
    let blobs = backend.open().await;
    let whole = some_bytes(300_000, 1);
    let id = Uuid::new_v4();
    let mut state = blobs.begin(id, Algorithm::Sha256).await.unwrap();
    assert_eq!(state.offset(), 0);
    for (index, part) in [0..1, 1..1, 1..70_000, 70_000..300_000].into_iter().enumerate() {
        let end = part.end as u64;
        state = add(&*blobs, id, state, &whole.slice(part)).await;
        assert_eq!(state.offset(), end, "part {index}");
    }
    let digest = Digest::sha256(&whole);
    assert_eq!(blobs.commit(id, state, &digest).await.unwrap(), 300_000);
    assert_stored(&*blobs, &digest, &whole).await;
}

pub(crate) async fn an_upload_outlives_its_process(backend: &impl Backend) {
    let whole = some_bytes(100_000, 2);
    let (id, state) = upload(&*backend.open().await, &whole.slice(..33_333)).await;
    let state = add(&*backend.open().await, id, remembered(&state), &whole.slice(33_333..)).await;
    let blobs = backend.open().await;
    let digest = Digest::sha256(&whole);
    assert_eq!(blobs.commit(id, remembered(&state), &digest).await.unwrap(), 100_000);
    assert_stored(&*blobs, &digest, &whole).await;
}

pub(crate) async fn a_part_that_breaks_off_is_forgotten(backend: &impl Backend) {
    let blobs = backend.open().await;
    let whole = some_bytes(5_000_000, 3);
    let (id, state) = upload(&*blobs, &whole.slice(..1_000)).await;
    let stood = state.to_bytes();
    let mut appender = blobs.append(id, state).await.unwrap();
    appender.write(some_bytes(4_500_000, 4)).await.unwrap();
    drop(appender);

    let state = wharfinger_blobs::UploadState::from_bytes(&stood).unwrap();
    let state = add(&*blobs, id, state, &whole.slice(1_000..)).await;
    let digest = Digest::sha256(&whole);
    assert_eq!(blobs.commit(id, state, &digest).await.unwrap(), 5_000_000);
    assert_stored(&*blobs, &digest, &whole).await;
}

pub(crate) async fn nothing_is_cut_before_the_first_write(backend: &impl Backend) {
    let blobs = backend.open().await;
    let whole = some_bytes(10_000, 5);
    let id = Uuid::new_v4();
    let empty = blobs.begin(id, Algorithm::Sha256).await.unwrap();
    let old = remembered(&empty);
    let state = add(&*blobs, id, empty, &whole).await;
    let newest = remembered(&state);
    drop(state);

    drop(blobs.append(id, old).await.unwrap());
    let digest = Digest::sha256(&whole);
    blobs.commit(id, newest, &digest).await.unwrap();
    assert_stored(&*blobs, &digest, &whole).await;
}

pub(crate) async fn an_upload_has_one_writer(backend: &impl Backend) {
    let blobs = backend.open().await;
    let (id, state) = upload(&*blobs, &some_bytes(10, 6)).await;
    let (one, other, third) = (remembered(&state), remembered(&state), remembered(&state));
    let mut appender = blobs.append(id, state).await.unwrap();
    assert!(matches!(blobs.append(id, one).await, Err(Error::Busy)));
    appender.write(some_bytes(10, 7)).await.unwrap();
    assert!(matches!(blobs.append(id, other).await, Err(Error::Busy)));
    let digest = Digest::sha256(&some_bytes(10, 6));
    assert!(matches!(blobs.commit(id, third, &digest).await, Err(Error::Busy)));
    drop(appender.finish().await.unwrap());
    blobs.abort(id).await.unwrap();
}

pub(crate) async fn a_live_state_keeps_others_off(backend: &impl Backend) {
    let blobs = backend.open().await;
    let (id, state) = upload(&*blobs, &some_bytes(10, 8)).await;
    assert!(matches!(blobs.append(id, remembered(&state)).await, Err(Error::Busy)));
    let next = remembered(&state);
    drop(state);
    drop(blobs.append(id, next).await.unwrap());
    blobs.abort(id).await.unwrap();
}

pub(crate) async fn a_dropped_writer_is_waited_for(backend: &impl Backend) {
    let blobs = backend.open().await;
    let whole = some_bytes(1_000, 9);
    let id = Uuid::new_v4();
    let mut stood = remembered(&blobs.begin(id, Algorithm::Sha256).await.unwrap());
    for seed in 0..8 {
        let again = remembered(&stood);
        let mut appender = blobs.append(id, stood).await.unwrap();
        // Enough that the storage is still at work when the writer goes.
        appender.write(some_bytes(2_000_000, seed)).await.unwrap();
        drop(appender);
        stood = again;
    }
    let state = add(&*blobs, id, stood, &whole).await;
    let digest = Digest::sha256(&whole);
    blobs.commit(id, state, &digest).await.unwrap();
    assert_stored(&*blobs, &digest, &whole).await;
}

pub(crate) async fn chunks_of_any_size_fit(backend: &impl Backend) {
    let blobs = backend.open().await;
    let whole = some_bytes(9_000_000, 10);
    let id = Uuid::new_v4();
    let state = blobs.begin(id, Algorithm::Sha256).await.unwrap();
    let mut appender = blobs.append(id, state).await.unwrap();
    let mut rest = whole.clone();
    for len in [0, 1, 5_000_000, 0, 17].into_iter().chain(std::iter::repeat_n(7, 5_000)) {
        appender.write(rest.split_to(len)).await.unwrap();
    }
    appender.write(rest).await.unwrap();
    appender.write(Bytes::new()).await.unwrap();
    let state = appender.finish().await.unwrap();
    assert_eq!(state.offset(), 9_000_000);
    let digest = Digest::sha256(&whole);
    blobs.commit(id, state, &digest).await.unwrap();
    assert_stored(&*blobs, &digest, &whole).await;
}

pub(crate) async fn an_aborted_upload_is_lost(backend: &impl Backend) {
    let blobs = backend.open().await;
    let bytes = some_bytes(100, 11);
    let (id, state) = upload(&*blobs, &bytes).await;
    let (one, other) = (remembered(&state), remembered(&state));
    let mut appender = blobs.append(id, state).await.unwrap();
    blobs.abort(id).await.unwrap();
    blobs.abort(id).await.unwrap();
    appender.write(bytes.clone()).await.unwrap();
    assert!(matches!(appender.finish().await, Err(Error::UploadLost)));
    assert!(matches!(blobs.append(id, one).await, Err(Error::UploadLost)));
    assert!(matches!(blobs.commit(id, other, &Digest::sha256(&bytes)).await, Err(Error::UploadLost)));
}

pub(crate) async fn unknown_uploads_are_lost(backend: &impl Backend) {
    let blobs = backend.open().await;
    let (id, state) = upload(&*blobs, &some_bytes(5, 12)).await;
    let unknown = Uuid::new_v4();
    assert!(matches!(blobs.append(unknown, remembered(&state)).await, Err(Error::UploadLost)));
    // A state of more than there is.
    let other = Uuid::new_v4();
    drop(blobs.begin(other, Algorithm::Sha256).await.unwrap());
    assert!(matches!(blobs.append(other, remembered(&state)).await, Err(Error::UploadLost)));
    let digest = Digest::sha256(&some_bytes(5, 12));
    assert!(matches!(blobs.commit(other, remembered(&state), &digest).await, Err(Error::UploadLost)));
    assert!(blobs.open(&digest).await.unwrap().is_none());
    blobs.abort(unknown).await.unwrap();
    blobs.abort(other).await.unwrap();
    blobs.abort(id).await.unwrap();
}

pub(crate) async fn an_upload_begins_once(backend: &impl Backend) {
    let blobs = backend.open().await;
    let (id, state) = upload(&*blobs, &some_bytes(5, 13)).await;
    let stood = remembered(&state);
    assert!(matches!(blobs.begin(id, Algorithm::Sha256).await, Err(Error::Busy)));
    drop(state);
    assert!(matches!(blobs.begin(id, Algorithm::Sha256).await, Err(Error::Io(_))));
    assert_eq!(add(&*blobs, id, stood, &some_bytes(5, 13)).await.offset(), 10);
    blobs.abort(id).await.unwrap();
}

pub(crate) async fn only_uploads_that_nobody_has_are_listed(backend: &impl Backend) {
    let blobs = backend.open().await;
    let id = Uuid::new_v4();
    let state = blobs.begin(id, Algorithm::Sha256).await.unwrap();
    let stood = remembered(&state);
    assert_eq!(blobs.uploads().await.unwrap(), Vec::<Uuid>::new());
    drop(state);
    assert_eq!(blobs.uploads().await.unwrap(), [id]);
    let appender = blobs.append(id, stood).await.unwrap();
    assert_eq!(blobs.uploads().await.unwrap(), Vec::<Uuid>::new());
    drop(appender);
    assert_eq!(blobs.uploads().await.unwrap(), [id]);
    blobs.abort(id).await.unwrap();
    assert_eq!(blobs.uploads().await.unwrap(), Vec::<Uuid>::new());
}
