//! One client among several: it pushes images that share layers with those of all others, and deletes and pushes them
//! again.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use wharfinger_model::Digest;

use crate::support::{Answer, Call, Image, Server};

pub(super) const REPOSITORY: &str = "admin/shared";
/// Tags of one worker.
const TAGS: usize = 3;
/// Layers that all images are made of.
const LAYERS: usize = 6;

/// What the workers share.
pub(super) struct Field<'a> {
    pub(super) server: &'a Server,
    pub(super) token: &'a str,
    pub(super) lease: Duration,
    /// Set when they shall stop, or when the program was killed.
    pub(super) over: AtomicBool,
    pub(super) acknowledged: AtomicUsize,
}

/// Where a tag may stand: more than one place while an answer is missing.
pub(super) type Standing = Vec<Option<Image>>;

pub(super) struct Worker<'a> {
    pub(super) field: &'a Field<'a>,
    pub(super) number: usize,
    pub(super) tags: BTreeMap<String, Standing>,
}

/// Breaks off when no answer comes any more.
type Step<T = ()> = ControlFlow<(), T>;

impl Worker<'_> {
    /// Works until it is over; where its tags stand.
    pub(super) fn work(mut self) -> BTreeMap<String, Standing> {
        for turn in 0.. {
            let tag = format!("w{}-{}", self.number, turn % TAGS);
            let step = if turn % 4 == 3 { self.delete(&tag, turn) } else { self.push(&tag, turn) };
            if step.is_break() || self.field.over.load(Ordering::SeqCst) {
                break;
            }
        }
        self.tags
    }

    /// The answer, if there is one: a living program gives it.
    fn ask(&self, call: Call) -> Step<Answer> {
        match call.try_send() {
            Ok(answer) => {
                self.field.acknowledged.fetch_add(1, Ordering::Relaxed);
                Step::Continue(answer)
            }
            Err(error) => {
                assert!(self.field.over.load(Ordering::SeqCst), "no answer from a living program: {error:?}");
                Step::Break(())
            }
        }
    }

    fn push(&mut self, tag: &str, turn: usize) -> Step {
        let image = image((self.number + turn) % LAYERS);
        let Field { server, token, lease, .. } = *self.field;
        let begun = Instant::now();
        for blob in &image.blobs {
            let rest = format!("blobs/{}", Digest::sha256(blob));
            let known = self.ask(server.v2(token, "HEAD", REPOSITORY, &rest))?;
            if known.status == 404 {
                let pushed = self.ask(server.push_blob(token, REPOSITORY, blob))?;
                assert_eq!(pushed.status, 201, "{pushed:?}");
            } else {
                assert_eq!(known.status, 200, "{known:?}");
            }
        }
        let before = self.standing(tag);
        self.tags.insert(tag.to_owned(), [before.clone(), vec![Some(image.clone())]].concat());
        let answer = self.ask(server.push_manifest(token, REPOSITORY, tag, &image))?;
        if answer.status == 201 {
            self.tags.insert(tag.to_owned(), vec![Some(image)]);
        } else {
            // What was said to be there is there for half a lease at least.
            assert!(begun.elapsed() >= lease / 2, "a blob was lost under a push: {answer:?}");
            answer.is_oci_error(400, "MANIFEST_BLOB_UNKNOWN");
            self.tags.insert(tag.to_owned(), before);
        }
        Step::Continue(())
    }

    /// Deletes the tag every other time.
    fn delete(&mut self, tag: &str, turn: usize) -> Step {
        let before = self.standing(tag);
        if before != [None] && turn % 8 == 3 {
            self.tags.insert(tag.to_owned(), [before, vec![None]].concat());
            let Field { server, token, .. } = *self.field;
            let answer = self.ask(server.v2(token, "DELETE", REPOSITORY, &format!("manifests/{tag}")))?;
            assert_eq!(answer.status, 202, "{answer:?}");
            self.tags.insert(tag.to_owned(), vec![None]);
        }
        Step::Continue(())
    }

    fn standing(&self, tag: &str) -> Standing {
        self.tags.get(tag).cloned().unwrap_or_else(|| vec![None])
    }
}

/// One of a few images, of which each has two layers that another one has, too.
fn image(number: usize) -> Image {
    let layer = |number: usize| format!("layer {}", number % LAYERS).repeat(500).into_bytes();
    Image::with_layers(&number.to_string(), vec![layer(number), layer(number + 1)])
}

/// That a tag stands where it was left, and everything that it leads to is there byte by byte.
pub(super) fn assert_stands(server: &Server, token: &str, tag: &str, standing: &Standing) {
    let pulled = server.v2(token, "GET", REPOSITORY, &format!("manifests/{tag}")).send();
    let found = (pulled.status == 200).then(|| Digest::sha256(&pulled.body).to_string());
    let mut may = standing.iter().map(|image| image.as_ref().map(Image::digest));
    assert!(may.any(|may| may == found), "{tag} is at {found:?}: {pulled:?}");
    let Some(image) = standing.iter().flatten().find(|image| Some(image.digest()) == found) else { return };
    assert_eq!(pulled.body, image.manifest);
    for blob in &image.blobs {
        let answer = server.v2(token, "GET", REPOSITORY, &format!("blobs/{}", Digest::sha256(blob))).send();
        assert!(answer.status == 200 && answer.body == *blob, "{tag} has lost a blob: {answer:?}");
    }
}
