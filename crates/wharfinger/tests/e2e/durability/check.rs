//! Whether a registry holds what it promised.

use std::collections::BTreeSet;

use serde_json::Value;
use wharfinger_model::Digest;

use super::acknowledged::{Change, Log, OwnTag, Upload};
use super::{REPOSITORY, SHARED};
use crate::support::Server;

/// Everything that the workers were promised, and nothing half of what they were not.
pub(super) fn all(server: &Server, logs: &[Log]) {
    let token = server.push_token(REPOSITORY);
    for log in logs {
        for (digest, blob) in &log.blobs {
            assert_eq!(content(server, &token, "blobs", digest).as_ref(), Some(blob), "an acknowledged blob");
        }
        for (digest, manifest) in &log.manifests {
            let found = content(server, &token, "manifests", digest);
            assert_eq!(found.as_ref(), Some(manifest), "an acknowledged manifest");
        }
        for image in &log.sent {
            if let Some(found) = content(server, &token, "manifests", &image.digest()) {
                assert_eq!(found, image.manifest, "a manifest that was not acknowledged");
                let blobs = image.blobs.iter().map(|blob| Digest::sha256(blob).to_string());
                assert!(blobs.into_iter().all(|digest| content(server, &token, "blobs", &digest).is_some()));
            }
        }
        own_tag(server, &log.tag);
        if let Some(upload) = &log.upload {
            finish(server, &token, upload);
        }
    }
}

/// The bytes under a digest, which are really its bytes; `None` if there are none.
fn content(server: &Server, token: &str, kind: &str, digest: &str) -> Option<Vec<u8>> {
    let answer = server.v2(token, "GET", REPOSITORY, &format!("{kind}/{digest}")).send();
    if answer.status == 404 {
        return None;
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(Digest::sha256(&answer.body).as_str(), digest, "half of something is served");
    Some(answer.body)
}

/// A tag that one worker alone has changed.
fn own_tag(server: &Server, tag: &OwnTag) {
    let lifetimes = sound(server, &tag.name);
    let found: Vec<_> =
        lifetimes.iter().map(|lifetime| lifetime["manifest_digest"].as_str().unwrap()).collect();
    let alive = lifetimes.last().filter(|newest| newest.get("end_ts").is_none());
    let alive = alive.map(|newest| newest["manifest_digest"].as_str().unwrap());
    let as_acknowledged = found == tag.history && alive == tag.standing.as_deref();
    let with_the_last = match &tag.in_flight {
        None => false,
        Some(Change::Delete) => found == tag.history && alive.is_none(),
        Some(Change::Point(digest)) => {
            let expected = tag.history.iter().chain([digest]);
            found.iter().eq(expected) && alive == Some(digest)
        }
    };
    assert!(as_acknowledged || with_the_last, "{tag:?} is not {lifetimes:?}");
}

/// The tag that all have fought for: nothing of what was acknowledged is missing in its history.
pub(super) fn shared(server: &Server, logs: &[Log]) {
    let mut found: Vec<_> = sound(server, SHARED)
        .iter()
        .map(|lifetime| lifetime["manifest_digest"].as_str().unwrap().to_owned())
        .collect();
    let acknowledged: Vec<_> = logs.iter().flat_map(|log| &log.shared).collect();
    assert!(!acknowledged.is_empty());
    for digest in acknowledged {
        let at =
            found.iter().position(|found| found == digest).expect("an acknowledged move is in the history");
        found.swap_remove(at);
    }
    let sent: BTreeSet<_> =
        logs.iter().flat_map(|log| &log.sent).map(crate::support::Image::digest).collect();
    assert!(found.iter().all(|unacknowledged| sent.contains(unacknowledged)));
}

/// A tag's lifetimes, oldest first, which must add up: each begins where or after the one before has ended, only the
/// last may be alive, and a pull gives what it says.
fn sound(server: &Server, tag: &str) -> Vec<Value> {
    let mut lifetimes = server.history(REPOSITORY, tag);
    lifetimes.reverse();
    for pair in lifetimes.windows(2) {
        let end = pair[0]["end_ts"].as_i64().expect("only the newest lifetime is alive");
        assert!(pair[0]["start_ts"].as_i64().unwrap() <= end && end <= pair[1]["start_ts"].as_i64().unwrap());
    }
    let pulled = server.pull(REPOSITORY, tag);
    match lifetimes.last() {
        None => assert_eq!(pulled, Err("MANIFEST_UNKNOWN".into())),
        Some(dead) if dead.get("end_ts").is_some() => assert_eq!(pulled, Err("TAG_EXPIRED".into())),
        Some(alive) => assert_eq!(pulled.as_deref(), Ok(alive["manifest_digest"].as_str().unwrap())),
    }
    lifetimes
}

/// An upload goes on at the byte that the registry names, which lies not before the last that it acknowledged; or it
/// was finished by the request that had no answer.
fn finish(server: &Server, token: &str, upload: &Upload) {
    let digest = Digest::sha256(&upload.blob).to_string();
    let status = server.call("GET", &upload.location).bearer(token).send();
    if status.status == 404 {
        assert_eq!(content(server, token, "blobs", &digest).as_ref(), Some(&upload.blob), "a lost upload");
        return;
    }
    status.is_empty(204);
    let last: usize = status.header("range").unwrap().strip_prefix("0-").unwrap().parse().unwrap();
    // Parts have more than one byte, so `0-0` is nothing here.
    let offset = if last == 0 { 0 } else { last + 1 };
    assert!(upload.offset <= offset && offset <= upload.blob.len(), "{upload:?} stands at {offset}");
    let rest = server.call("PUT", &format!("{}?digest={digest}", upload.location)).bearer(token);
    rest.body("application/octet-stream", &upload.blob[offset..]).send().is_empty(201);
    assert_eq!(content(server, token, "blobs", &digest).as_ref(), Some(&upload.blob));
}
