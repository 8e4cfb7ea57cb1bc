//! Uploads: whose they are, where they stand, and how they end.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;
use wharfinger_blobs::Blobs as _;
use wharfinger_model::{Algorithm, Digest, Role};
use wharfinger_registry::blobs::sweep;
use wharfinger_registry::blobs::uploads::{self, BodyError, Part, UploadStatus};
use wharfinger_registry::{Caller, Error, Registry, Result, UploadError, blobs};

use support::{Place, Repository};

type Body = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// A repository with two writers and a reader, beside another that both may write to.
struct Scene {
    place: Place,
    repository: Repository,
    other: Repository,
    writer: Arc<Caller>,
    second: Arc<Caller>,
    reader: Arc<Caller>,
}

impl Scene {
    async fn open() -> Self {
        let place = Place::open().await;
        let owner = place.user("owner").await;
        let [writer, second, reader] =
            [place.user("writer").await, place.user("second").await, place.user("reader").await];
        let roles = [(writer, Role::Write), (second, Role::Write), (reader, Role::Read)];
        Self {
            repository: place.repository(("owner", owner), &roles).await,
            other: place.repository(("owner", owner), &roles).await,
            writer: place.caller(writer).await,
            second: place.caller(second).await,
            reader: place.caller(reader).await,
            place,
        }
    }

    fn registry(&self) -> &Registry {
        &self.place.registry
    }

    async fn begin(&self) -> String {
        let begun = uploads::begin(self.registry(), &self.writer, &self.repository.name, Algorithm::Sha256)
            .await
            .unwrap();
        assert_eq!(begun.offset, 0);
        begun.id.to_string()
    }

    async fn append(&self, id: &str, part: Part, body: Body) -> Result<UploadStatus> {
        uploads::append(self.registry(), &self.writer, &self.repository.name, id, part, body).await
    }

    async fn finish(&self, id: &str, body: Body, digest: &Digest) -> Result<()> {
        let part = Part::default();
        uploads::finish(self.registry(), &self.writer, &self.repository.name, id, part, body, digest).await
    }

    async fn offset(&self, id: &str) -> Result<u64> {
        let status = uploads::status(self.registry(), &self.writer, &self.repository.name, id).await?;
        Ok(status.offset)
    }

    async fn head(&self, digest: &Digest) -> Result<u64> {
        blobs::head(self.registry(), &self.reader, &self.repository.name, digest).await
    }
}

fn whole(text: &'static str) -> Body {
    parts(vec![Ok(text)])
}

fn parts(chunks: Vec<Result<&'static str, BodyError>>) -> Body {
    let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
    Box::pin(stream::iter(chunks).map(move |chunk| chunk.map(bytes)))
}

fn starting_at(start: u64) -> Part {
    Part { start: Some(start), length: None }
}

/// A body that comes only when it is told to, and tells when somebody begins to wait for it.
fn held() -> (Body, oneshot::Receiver<()>, mpsc::Sender<&'static str>) {
    let (waited_for, waiting) = oneshot::channel();
    let (sender, chunks) = mpsc::channel(4);
    let body = stream::unfold((Some(waited_for), chunks), |(waited_for, mut chunks)| async move {
        if let Some(waited_for) = waited_for {
            waited_for.send(()).unwrap();
        }
        let chunk: &str = chunks.recv().await?;
        Some((Ok(Bytes::from_static(chunk.as_bytes())), (None, chunks)))
    });
    (Box::pin(body), waiting, sender)
}

fn is_no_upload<T: std::fmt::Debug>(given: Result<T>) {
    assert!(matches!(given, Err(Error::NoUpload)), "{given:?}");
}

fn is_upload_error<T: std::fmt::Debug>(given: Result<T>, expected: &UploadError) {
    assert!(matches!(&given, Err(Error::Upload(error)) if error == expected), "{given:?}");
}

#[tokio::test]
async fn parts_add_up_to_a_blob_of_the_repository() {
    let scene = Scene::open().await;
    let id = scene.begin().await;
    let digest = Digest::sha256(b"one two three");
    assert_eq!(scene.append(&id, Part::default(), whole("one ")).await.unwrap().offset, 4);
    assert_eq!(scene.append(&id, starting_at(4), parts(vec![Ok("tw"), Ok("o ")])).await.unwrap().offset, 8);
    assert_eq!(scene.offset(&id).await.unwrap(), 8);
    scene.finish(&id, whole("three"), &digest).await.unwrap();
    assert_eq!(scene.head(&digest).await.unwrap(), 13);
    let elsewhere = blobs::head(scene.registry(), &scene.reader, &scene.other.name, &digest).await;
    assert!(matches!(elsewhere, Err(Error::NoBlob)), "{elsewhere:?}");
    is_no_upload(scene.offset(&id).await);
}

#[tokio::test]
async fn sha512_names_a_blob_as_well() {
    let scene = Scene::open().await;
    let id = scene.begin().await;
    let digest = Algorithm::Sha512.digest(b"content");
    scene.append(&id, Part::default(), whole("cont")).await.unwrap();
    scene.finish(&id, whole("ent"), &digest).await.unwrap();
    assert_eq!(scene.head(&digest).await.unwrap(), 7);
}

#[tokio::test]
async fn an_upload_is_there_for_its_repository_and_whoever_began_it_alone() {
    let scene = Scene::open().await;
    let id = scene.begin().await;
    let digest = Digest::sha256(b"mine");
    let (registry, here, there) = (scene.registry(), &scene.repository.name, &scene.other.name);
    for (caller, repository) in [(&scene.second, here), (&scene.writer, there), (&scene.second, there)] {
        is_no_upload(uploads::status(registry, caller, repository, &id).await);
        is_no_upload(uploads::append(registry, caller, repository, &id, Part::default(), whole("x")).await);
        let finished =
            uploads::finish(registry, caller, repository, &id, Part::default(), whole("x"), &digest);
        is_no_upload(finished.await);
        is_no_upload(uploads::cancel(registry, caller, repository, &id).await);
    }
    for caller in [&scene.reader, &Arc::new(Caller::anonymous(wharfinger_registry::Origin::default()))] {
        let refused = uploads::status(registry, caller, here, &id).await;
        assert!(matches!(refused, Err(Error::Forbidden | Error::Unauthenticated)), "{refused:?}");
        let refused = uploads::begin(registry, caller, here, Algorithm::Sha256).await;
        assert!(matches!(refused, Err(Error::Forbidden | Error::Unauthenticated)), "{refused:?}");
    }
    assert_eq!(scene.offset(&id).await.unwrap(), 0);
    scene.finish(&id, whole("mine"), &digest).await.unwrap();
}

#[tokio::test]
async fn ids_that_name_no_upload_are_told_so() {
    let scene = Scene::open().await;
    scene.begin().await;
    let unknown = Uuid::new_v4().to_string();
    for id in [unknown.as_str(), "", "x", "../../etc/passwd", "\0", &"a".repeat(10_000)] {
        is_no_upload(scene.offset(id).await);
        is_no_upload(scene.append(id, Part::default(), whole("x")).await);
    }
}

#[tokio::test]
async fn a_part_that_does_not_fit_or_breaks_off_leaves_the_upload_where_it_stood() {
    let scene = Scene::open().await;
    let id = scene.begin().await;
    scene.append(&id, Part::default(), whole("begun ")).await.unwrap();
    for error in [BodyError::Broken, BodyError::Idle, BodyError::TooLarge] {
        let body = parts(vec![Ok("lost"), Err(error)]);
        is_upload_error(scene.append(&id, Part::default(), body).await, &UploadError::Body(error));
        assert_eq!(scene.offset(&id).await.unwrap(), 6);
    }
    for start in [0, 5, 7, u64::MAX] {
        let expected = UploadError::OutOfOrder { offset: 6 };
        is_upload_error(scene.append(&id, starting_at(start), whole("x")).await, &expected);
    }
    for length in [0, 3, 5, u64::MAX] {
        let part = Part { start: None, length: Some(length) };
        is_upload_error(scene.append(&id, part, whole("four")).await, &UploadError::Length);
        assert_eq!(scene.offset(&id).await.unwrap(), 6);
    }
    let part = Part { start: Some(6), length: Some(4) };
    assert_eq!(scene.append(&id, part, whole("well")).await.unwrap().offset, 10);
    scene.finish(&id, parts(Vec::new()), &Digest::sha256(b"begun well")).await.unwrap();
}

#[tokio::test]
async fn a_last_part_that_breaks_off_can_be_sent_again() {
    let scene = Scene::open().await;
    let id = scene.begin().await;
    let digest = Digest::sha256(b"begun and ended");
    scene.append(&id, Part::default(), whole("begun ")).await.unwrap();
    let broken = scene.finish(&id, parts(vec![Ok("and "), Err(BodyError::Broken)]), &digest).await;
    is_upload_error(broken, &UploadError::Body(BodyError::Broken));
    assert!(matches!(scene.head(&digest).await, Err(Error::NoBlob)));
    assert_eq!(scene.offset(&id).await.unwrap(), 6);
    scene.finish(&id, whole("and ended"), &digest).await.unwrap();
}

#[tokio::test]
async fn a_wrong_digest_leaves_the_upload() {
    let scene = Scene::open().await;
    let id = scene.begin().await;
    let right = Digest::sha256(b"begun and ended");
    scene.append(&id, Part::default(), whole("begun ")).await.unwrap();
    for wrong in [Digest::sha256(b"something else"), Algorithm::Sha512.digest(b"something else")] {
        is_upload_error(scene.finish(&id, whole("and ended"), &wrong).await, &UploadError::DigestMismatch);
        assert_eq!(scene.offset(&id).await.unwrap(), 6, "the last part was not acknowledged");
        assert!(matches!(scene.head(&wrong).await, Err(Error::NoBlob)));
    }
    scene.finish(&id, whole("and ended"), &right).await.unwrap();
    assert_eq!(scene.head(&right).await.unwrap(), 15);
}

#[tokio::test]
async fn an_upload_is_finished_once() {
    let scene = Scene::open().await;
    let id = scene.begin().await;
    let digest = Digest::sha256(b"content");
    scene.finish(&id, whole("content"), &digest).await.unwrap();
    is_no_upload(scene.finish(&id, whole("content"), &digest).await);
    is_no_upload(scene.append(&id, Part::default(), whole("x")).await);
    is_no_upload(uploads::cancel(scene.registry(), &scene.writer, &scene.repository.name, &id).await);
    assert_eq!(scene.head(&digest).await.unwrap(), 7, "the blob stays");
}

#[tokio::test]
async fn of_two_parts_at_once_one_is_told_to_wait() {
    let scene = Scene::open().await;
    let id = scene.begin().await;
    let (body, waiting, chunks) = held();
    let (first, ()) = tokio::join!(scene.append(&id, Part::default(), body), async {
        waiting.await.unwrap();
        is_upload_error(scene.append(&id, Part::default(), whole("second")).await, &UploadError::Busy);
        let digest = Digest::sha256(b"second");
        is_upload_error(scene.finish(&id, whole("second"), &digest).await, &UploadError::Busy);
        assert_eq!(scene.offset(&id).await.unwrap(), 0, "nothing was acknowledged yet");
        chunks.send("first").await.unwrap();
        drop(chunks);
    });
    assert_eq!(first.unwrap().offset, 5);
    scene.finish(&id, parts(Vec::new()), &Digest::sha256(b"first")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_finish_at_once_one_does() {
    let scene = Arc::new(Scene::open().await);
    let id = scene.begin().await;
    let digest = Digest::sha256(b"content");
    let mut finishing = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (scene, id, digest) = (Arc::clone(&scene), id.clone(), digest.clone());
        finishing.spawn(async move { scene.finish(&id, whole("content"), &digest).await });
    }
    let mut finished = 0;
    while let Some(done) = finishing.join_next().await {
        match done.unwrap() {
            Ok(()) => finished += 1,
            Err(Error::NoUpload | Error::Upload(UploadError::Busy)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(finished, 1);
    assert_eq!(scene.head(&digest).await.unwrap(), 7);
}

#[tokio::test]
async fn who_is_gone_in_the_middle_of_a_part_leaves_the_upload_to_go_on_with() {
    let scene = Scene::open().await;
    let id = scene.begin().await;
    scene.append(&id, Part::default(), whole("begun ")).await.unwrap();
    let (body, waiting, chunks) = held();
    tokio::select! {
        _ = scene.append(&id, Part::default(), body) => panic!("the body has no end"),
        () = async {
            waiting.await.unwrap();
            chunks.send("lost").await.unwrap();
            // Taken up by whoever receives the body.
            chunks.reserve_many(4).await.map(drop).unwrap();
        } => {}
    }
    assert_eq!(scene.offset(&id).await.unwrap(), 6);
    assert_eq!(scene.append(&id, Part::default(), whole("again")).await.unwrap().offset, 11);
    scene.finish(&id, parts(Vec::new()), &Digest::sha256(b"begun again")).await.unwrap();
}

#[tokio::test]
async fn an_upload_that_stands_still_expires_and_is_swept_with_its_bytes() {
    let scene = Scene::open().await;
    let expiry = scene.registry().settings().upload_expiry;
    let (kept, lost) = (scene.begin().await, scene.begin().await);
    scene.place.clock.advance(expiry - Duration::from_millis(1));
    assert_eq!(scene.append(&kept, Part::default(), whole("still here")).await.unwrap().offset, 10);
    assert_eq!(scene.offset(&lost).await.unwrap(), 0);
    assert_eq!(sweep::uploads(scene.registry()).await.unwrap(), 0);
    scene.place.clock.advance(Duration::from_millis(1));
    is_no_upload(scene.offset(&lost).await);
    is_no_upload(scene.append(&lost, Part::default(), whole("x")).await);
    is_no_upload(scene.finish(&lost, whole("x"), &Digest::sha256(b"x")).await);
    assert_eq!(scene.place.disk.uploads().await.unwrap().len(), 2);
    assert_eq!(sweep::uploads(scene.registry()).await.unwrap(), 1);
    assert_eq!(sweep::uploads(scene.registry()).await.unwrap(), 0);
    let left: Vec<_> = scene.place.disk.uploads().await.unwrap().iter().map(Uuid::to_string).collect();
    assert_eq!(left, [kept.as_str()]);
    scene.finish(&kept, parts(Vec::new()), &Digest::sha256(b"still here")).await.unwrap();
}

#[tokio::test]
async fn a_part_that_is_overtaken_by_the_expiry_is_not_acknowledged() {
    let scene = Scene::open().await;
    let id = scene.begin().await;
    let (body, waiting, chunks) = held();
    let (appended, ()) = tokio::join!(scene.append(&id, Part::default(), body), async {
        waiting.await.unwrap();
        scene.place.clock.advance(scene.registry().settings().upload_expiry);
        assert_eq!(sweep::uploads(scene.registry()).await.unwrap(), 1);
        chunks.send("too late").await.unwrap();
        drop(chunks);
    });
    is_no_upload(appended);
    is_no_upload(scene.offset(&id).await);
}

#[tokio::test]
async fn bytes_that_nobody_remembers_are_swept_and_others_stay() {
    let scene = Scene::open().await;
    let id = scene.begin().await;
    drop(scene.place.disk.begin(Uuid::new_v4(), Algorithm::Sha256).await.unwrap());
    assert_eq!(sweep::strays(scene.registry()).await.unwrap(), 1);
    assert_eq!(sweep::strays(scene.registry()).await.unwrap(), 0);
    scene.finish(&id, whole("content"), &Digest::sha256(b"content")).await.unwrap();
}

#[tokio::test]
async fn a_cancelled_upload_is_gone_with_its_bytes() {
    let scene = Scene::open().await;
    let id = scene.begin().await;
    scene.append(&id, Part::default(), whole("content")).await.unwrap();
    uploads::cancel(scene.registry(), &scene.writer, &scene.repository.name, &id).await.unwrap();
    is_no_upload(scene.offset(&id).await);
    is_no_upload(uploads::cancel(scene.registry(), &scene.writer, &scene.repository.name, &id).await);
    assert_eq!(scene.place.disk.uploads().await.unwrap(), Vec::<Uuid>::new());
}

#[tokio::test]
async fn a_whole_blob_is_taken_or_leaves_nothing() {
    let scene = Scene::open().await;
    let (right, wrong) = (Digest::sha256(b"content"), Digest::sha256(b"another"));
    let push = async |length, body, digest| {
        uploads::push_whole(scene.registry(), &scene.writer, &scene.repository.name, length, body, digest)
            .await
    };
    is_upload_error(push(None, whole("content"), &wrong).await, &UploadError::DigestMismatch);
    is_upload_error(push(Some(6), whole("content"), &right).await, &UploadError::Length);
    is_upload_error(push(Some(8), whole("content"), &right).await, &UploadError::Length);
    let broken = parts(vec![Ok("cont"), Err(BodyError::Broken)]);
    is_upload_error(push(None, broken, &right).await, &UploadError::Body(BodyError::Broken));
    for digest in [&right, &wrong] {
        assert!(matches!(scene.head(digest).await, Err(Error::NoBlob)));
    }
    assert_eq!(scene.place.disk.uploads().await.unwrap(), Vec::<Uuid>::new());
    push(Some(7), whole("content"), &right).await.unwrap();
    push(Some(7), whole("content"), &right).await.unwrap();
    assert_eq!(scene.head(&right).await.unwrap(), 7);
}
