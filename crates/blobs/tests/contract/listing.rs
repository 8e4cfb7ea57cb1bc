//! What is there is listed, whole and in order.

use wharfinger_model::{Algorithm, Digest};

use crate::{Backend, add, some_bytes, store};

async fn all(blobs: &dyn wharfinger_blobs::Blobs) -> Vec<(Digest, u64)> {
    let mut all: Vec<(Digest, u64)> = Vec::new();
    loop {
        let page = blobs.list(all.last().map(|(digest, _)| digest)).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page.into_iter().map(|blob| (blob.digest, blob.size)));
    }
}

pub(crate) async fn every_blob_is_listed_once_and_in_order(backend: &impl Backend) {
    let blobs = backend.open().await;
    assert_eq!(all(&*blobs).await, []);
    let mut stored = Vec::new();
    for seed in 0..40 {
        let bytes = some_bytes(100 + seed, 900 + seed as u64);
        stored.push((store(&*blobs, &bytes).await, bytes.len() as u64));
    }
    for seed in 0..3 {
        let (id, bytes) = (uuid::Uuid::new_v4(), some_bytes(50, 990 + seed));
        let digest = Algorithm::Sha512.digest(&bytes);
        let state = blobs.begin(id, Algorithm::Sha512).await.unwrap();
        let state = add(&*blobs, id, state, &bytes).await;
        blobs.commit(id, state, &digest).await.unwrap();
        stored.push((digest, 50));
    }
    stored.sort();
    assert_eq!(all(&*blobs).await, stored);
    blobs.delete(&stored.remove(7).0).await.unwrap();
    assert_eq!(all(&*blobs).await, stored);
}

pub(crate) async fn a_blob_in_quarantine_is_not_there_and_can_come_again(backend: &impl Backend) {
    let blobs = backend.open().await;
    let bytes = some_bytes(100, 70);
    let digest = store(&*blobs, &bytes).await;
    blobs.quarantine(&digest).await.unwrap();
    assert!(blobs.open(&digest).await.unwrap().is_none());
    assert_eq!(all(&*blobs).await, []);
    blobs.quarantine(&digest).await.unwrap();
    store(&*blobs, &bytes).await;
    crate::assert_stored(&*blobs, &digest, &bytes).await;
}
