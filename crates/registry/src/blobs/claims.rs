//! Who is at work on the bytes of which digest.
//!
//! A push makes a file a blob and then writes the row; collection looks whether there is a row and then deletes the
//! file. For one digest the two must not be mixed. Replicas with a common storage would have to keep these claims in
//! their database; nothing else would change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;
use wharfinger_model::Digest;

type Turn = Arc<tokio::sync::Mutex<()>>;

/// The digests that somebody is at work on.
#[derive(Default)]
pub(crate) struct Claims(Mutex<HashMap<Digest, Turn>>);

/// The only one of its digest; whoever waits for it is next when it is dropped.
pub(crate) struct Claim {
    claims: Arc<Claims>,
    digest: Digest,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Claims {
    /// Waits until nobody is at work on the digest.
    pub(crate) async fn take(self: &Arc<Self>, digest: &Digest) -> Claim {
        let turn = Arc::clone(self.table().entry(digest.clone()).or_default());
        let turn = turn.lock_owned().await;
        Claim { claims: Arc::clone(self), digest: digest.clone(), turn: Some(turn) }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Digest, Turn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        drop(self.turn.take());
        let mut table = self.claims.table();
        // Under the table's lock nobody new can come; one who waits keeps a part of it.
        if table.get(&self.digest).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            table.remove(&self.digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_at_a_time_has_a_digest_and_nothing_is_left_of_it() {
        let claims = Arc::new(Claims::default());
        let (one, other) = (Digest::sha256(b"one"), Digest::sha256(b"other"));
        let first = claims.take(&one).await;
        let _other = claims.take(&other).await;
        let waiting = claims.take(&one);
        let mut waiting = Box::pin(waiting);
        assert!((&mut waiting).now_or_never().is_none());
        drop(first);
        drop(waiting.await);
        assert_eq!(claims.table().keys().collect::<Vec<_>>(), [&other]);
    }
}
