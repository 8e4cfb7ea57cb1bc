//! One client among several: it pushes, moves, deletes and restores until the program is gone.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use serde_json::json;
use wharfinger_model::Digest;

use super::acknowledged::{Change, Log, OwnTag, Upload};
use super::{REPOSITORY, Round, SHARED};
use crate::support::{Answer, Call, Image, tag_path};

/// Breaks off when no answer comes any more.
type Step = ControlFlow<()>;

pub(super) struct Worker<'a> {
    round: &'a Round<'a>,
    number: usize,
    log: Log,
    /// Its images so far that are all there.
    complete: Vec<Image>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(round: &'a Round<'a>, number: usize) -> Self {
        let tag = OwnTag { name: format!("t{}-{number}", round.number), ..OwnTag::default() };
        Self { round, number, log: Log { tag, ..Log::default() }, complete: Vec::new() }
    }

    /// Works until the program is killed.
    pub(super) fn work(mut self) -> Log {
        for turn in 0.. {
            let step = match (turn + self.number) % 5 {
                0 | 3 => self.push(turn),
                1 => self.move_shared(turn),
                2 => self.delete(),
                _ => self.restore(turn),
            };
            if step.is_break() {
                break;
            }
        }
        self.log
    }

    /// The answer, if there is one: there must be until the program is killed, and it must be the one that is due.
    fn ask(&self, call: Call, due: u16) -> ControlFlow<(), Answer> {
        match call.try_send() {
            Ok(answer) => {
                assert_eq!(answer.status, due, "{answer:?}");
                self.round.acknowledged.fetch_add(1, Ordering::Relaxed);
                ControlFlow::Continue(answer)
            }
            Err(error) => {
                assert!(
                    self.round.killed.load(Ordering::SeqCst),
                    "no answer from a living program: {error:?}"
                );
                ControlFlow::Break(())
            }
        }
    }

    /// An image of its own with a layer of up to 200 KiB.
    fn image(&self, turn: usize) -> Image {
        let name = format!("{}-{}-{turn}", self.round.number, self.number);
        // More than one byte in each half: `Range: 0-0` stands for none as well as for one.
        let length = 4 + (turn * 7919 + self.number * 104_729) % (200 * 1024);
        let layer = name.bytes().cycle().take(length).collect();
        Image::with_layer(&name, layer)
    }

    fn push(&mut self, turn: usize) -> Step {
        let image = self.image(turn);
        self.log.sent.push(image.clone());
        self.push_whole(&image.blobs[0])?;
        self.push_in_parts(&image.blobs[1])?;
        let change = Change::Point(image.digest());
        self.log.tag.in_flight = Some(change.clone());
        let Round { server, token, .. } = self.round;
        self.ask(server.push_manifest(token, REPOSITORY, &self.log.tag.name, &image), 201)?;
        self.log.tag.settle(change);
        self.log.manifests.insert(image.digest(), image.manifest.clone());
        self.complete.push(image);
        Step::Continue(())
    }

    fn push_whole(&mut self, blob: &[u8]) -> Step {
        let Round { server, token, .. } = self.round;
        self.ask(server.push_blob(token, REPOSITORY, blob), 201)?;
        self.log.blobs.insert(Digest::sha256(blob).to_string(), blob.to_vec());
        Step::Continue(())
    }

    fn push_in_parts(&mut self, blob: &[u8]) -> Step {
        let Round { server, token, .. } = self.round;
        let begun = self.ask(server.v2(token, "POST", REPOSITORY, "blobs/uploads/"), 202)?;
        let location = begun.header("location").unwrap().to_owned();
        let half = blob.len() / 2;
        self.log.upload = Some(Upload { location: location.clone(), blob: blob.to_vec(), offset: 0 });
        let call = |method: &str, path: &str, part: &[u8]| {
            server.call(method, path).bearer(token).body("application/octet-stream", part)
        };
        self.ask(call("PATCH", &location, &blob[..half]), 202)?;
        self.log.upload = Some(Upload { location: location.clone(), blob: blob.to_vec(), offset: half });
        let digest = Digest::sha256(blob).to_string();
        self.ask(call("PUT", &format!("{location}?digest={digest}"), &blob[half..]), 201)?;
        self.log.upload = None;
        self.log.blobs.insert(digest, blob.to_vec());
        Step::Continue(())
    }

    fn move_shared(&mut self, turn: usize) -> Step {
        let Some(image) = self.complete.get(turn % self.complete.len().max(1)) else {
            return Step::Continue(());
        };
        let digest = image.digest();
        let call = self.round.server.by_admin("PUT", &tag_path(REPOSITORY, SHARED));
        self.ask(call.json(&json!({"manifest_digest": digest})), 201)?;
        self.log.shared.push(digest);
        Step::Continue(())
    }

    fn delete(&mut self) -> Step {
        if self.log.tag.standing.is_none() {
            return Step::Continue(());
        }
        self.log.tag.in_flight = Some(Change::Delete);
        let call = self.round.server.by_admin("DELETE", &tag_path(REPOSITORY, &self.log.tag.name));
        self.ask(call, 204)?;
        self.log.tag.settle(Change::Delete);
        Step::Continue(())
    }

    fn restore(&mut self, turn: usize) -> Step {
        let Some(image) = self.complete.get(turn % self.complete.len().max(1)) else {
            return Step::Continue(());
        };
        let digest = image.digest();
        let change = Change::Point(digest.clone());
        self.log.tag.in_flight = Some(change.clone());
        let path = tag_path(REPOSITORY, &format!("{}/restore", self.log.tag.name));
        self.ask(self.round.server.by_admin("POST", &path).json(&json!({"manifest_digest": digest})), 201)?;
        self.log.tag.settle(change);
        Step::Continue(())
    }
}
