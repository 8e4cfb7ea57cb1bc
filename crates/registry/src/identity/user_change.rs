//! What is done to a user by whoever looks after all: the operator at the command line, or a superuser. It is the same
//! by either way.

use serde_json::json;
use wharfinger_model::Timestamp;
use wharfinger_store::account::{self, Account};
use wharfinger_store::{AccountId, Tx, authorization_code, session};

use crate::audit::{self, Subject};
use crate::{Caller, Result};

/// Whether a user may do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// What they may.
    Enabled,
    /// Nothing but what anybody may, whatever they or their robots show.
    Disabled,
}

/// What is changed about a user.
#[derive(Clone, Copy)]
pub(crate) enum Change<'a> {
    /// The password, by its hash.
    Password(&'a str),
    /// Whether they may do anything.
    Standing(Standing),
}

/// Changes a user, and tells of it in their log. Another password ends their sessions, and so does disabling them: who is
/// enabled again signs in anew.
pub(crate) fn apply(
    tx: &mut Tx<'_>,
    caller: &Caller,
    user: &Account,
    change: Change<'_>,
    now: Timestamp,
) -> Result<()> {
    let kind = match change {
        Change::Password(hash) => {
            set_password(tx, user.id, hash)?;
            "user_change_password"
        }
        Change::Standing(Standing::Enabled) => {
            account::set_enabled(tx, user.id, true)?;
            "user_enable"
        }
        Change::Standing(Standing::Disabled) => {
            account::set_enabled(tx, user.id, false)?;
            end_sign_ins(tx, user.id)?;
            "user_disable"
        }
    };
    note(tx, caller, user, kind, now)
}

/// Gives a user another password, by its hash, and ends their sessions. Their access tokens stay.
pub(crate) fn set_password(tx: &mut Tx<'_>, user: AccountId, hash: &str) -> Result<()> {
    account::set_password(tx, user, hash)?;
    end_sign_ins(tx, user)
}

/// Ends a user's sessions, and what was agreed to in them but not exchanged yet.
pub(super) fn end_sign_ins(tx: &mut Tx<'_>, user: AccountId) -> Result<()> {
    session::delete_all(tx, user)?;
    Ok(authorization_code::delete_all(tx, user)?)
}

/// Tells of what was done to a user in their log, and which superuser did it, if one did.
pub(crate) fn note(
    tx: &mut Tx<'_>,
    caller: &Caller,
    user: &Account,
    kind: &str,
    now: Timestamp,
) -> Result<()> {
    let metadata = match caller.account() {
        Some(superuser) => json!({"username": user.name, "superuser": superuser.name}),
        None => json!({"username": user.name}),
    };
    audit::write(tx, caller, Subject::namespace(user.id), kind, metadata, now)
}
