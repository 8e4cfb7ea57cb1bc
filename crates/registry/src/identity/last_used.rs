//! When a token was last used. It is known to some minutes, so that what is used all the time is not written down all the
//! time.

use std::time::Duration;

use wharfinger_model::Timestamp;
use wharfinger_store::{AccountId, access_token, app_token, robot};

use crate::Registry;

/// How exactly it is known: no use in between is written down.
const NOTED: Duration = Duration::from_secs(300);

/// Whose use is noted.
pub(super) enum Token {
    /// An OAuth 2 access token, by its number.
    Access(i64),
    /// An app-specific token, by its public half.
    App(String),
    /// That of a robot.
    Robot(AccountId),
}

/// Notes that the token is used now, if it is time to: `before` is when its use was noted last. A use that can't be written
/// down, as on a full disk, is a use all the same.
pub(super) async fn note(registry: &Registry, token: Token, before: Option<Timestamp>) {
    let now = registry.now();
    if before.is_some_and(|before| now < before + NOTED) {
        return;
    }
    let written = registry
        .write(move |tx| {
            let written = match &token {
                Token::Access(id) => access_token::set_last_used(tx, *id, now),
                Token::App(lookup) => app_token::set_last_used(tx, lookup, now),
                Token::Robot(id) => robot::set_last_used(tx, *id, now),
            };
            Ok(written?)
        })
        .await;
    if let Err(error) = written {
        tracing::warn!(%error, "can't write down that a token was used");
    }
}
