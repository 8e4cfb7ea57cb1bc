//! Blobs are read as they were sent, wherever the reader begins and whatever happens meanwhile.

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use uuid::Uuid;
use wharfinger_model::{Algorithm, Digest};

use crate::{Backend, read, some_bytes, store};

/// More than any storage may hand out at once.
const LARGEST_CHUNK: usize = 1024 * 1024;

pub(crate) async fn an_unknown_blob_is_none(backend: &impl Backend) {
    let blobs = backend.open().await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        assert!(blobs.open(&algorithm.digest(b"never stored")).await.unwrap().is_none());
    }
}

pub(crate) async fn ranges_are_exact(backend: &impl Backend) {
    let blobs = backend.open().await;
    let bytes = some_bytes(3_000_000, 40);
    let digest = store(&*blobs, &bytes).await;
    for (start, end) in
        [(0, 1), (0, 0), (5, 5), (1, 262_145), (4_095, 4_097), (2_999_999, 3_000_000), (7, 3_000_000)]
    {
        let read = read(&*blobs, &digest, start as u64..end as u64).await.unwrap();
        assert!(read == bytes[start..end], "{start}..{end}");
    }
    let backwards = std::ops::Range { start: 9, end: 5 };
    assert_eq!(read(&*blobs, &digest, backwards).await.unwrap(), b"");
}

pub(crate) async fn a_range_beyond_the_end_fails(backend: &impl Backend) {
    let blobs = backend.open().await;
    let digest = store(&*blobs, &some_bytes(1_000, 41)).await;
    assert!(read(&*blobs, &digest, 0..1_001).await.is_err());
    assert!(read(&*blobs, &digest, 5_000..5_001).await.is_err());
    let reader = blobs.open(&digest).await.unwrap().unwrap();
    let mut stream = reader.stream(0..1_001);
    while let Some(Ok(_)) = stream.next().await {}
    assert!(stream.next().await.is_none(), "an error ends the stream");
}

pub(crate) async fn a_large_blob_comes_in_bounded_chunks(backend: &impl Backend) {
    let blobs = backend.open().await;
    let bytes = some_bytes(20 * 1024 * 1024 + 13, 42);
    let id = Uuid::new_v4();
    let state = blobs.begin(id, Algorithm::Sha256).await.unwrap();
    let mut appender = blobs.append(id, state).await.unwrap();
    let (mut rest, mut len) = (bytes.clone(), 1);
    while !rest.is_empty() {
        appender.write(rest.split_to(len.min(rest.len()))).await.unwrap();
        len = (len * 7 + 3) % 99_991;
    }
    let state = appender.finish().await.unwrap();
    let digest = Digest::sha256(&bytes);
    blobs.commit(id, state, &digest).await.unwrap();

    let reader = blobs.open(&digest).await.unwrap().unwrap();
    let chunks: Vec<Bytes> = reader.stream(0..reader.len()).try_collect().await.unwrap();
    assert!(chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= LARGEST_CHUNK));
    assert_eq!(Digest::sha256(&chunks.concat()), digest);
}

pub(crate) async fn an_open_blob_outlives_its_deletion(backend: &impl Backend) {
    let blobs = backend.open().await;
    let bytes = some_bytes(2_000_000, 43);
    let digest = store(&*blobs, &bytes).await;
    let reader = blobs.open(&digest).await.unwrap().unwrap();
    let mut stream = reader.stream(0..reader.len());
    let first = stream.next().await.unwrap().unwrap();
    blobs.delete(&digest).await.unwrap();
    let rest: Vec<Bytes> = stream.try_collect().await.unwrap();
    assert!([&first[..], &rest.concat()].concat() == bytes);
}
