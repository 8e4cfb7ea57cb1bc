//! Entries of the audit log, in Quay's vocabulary.

use serde_json::{Map, Value, json};
use wharfinger_model::Timestamp;
use wharfinger_store::account::Kind;
use wharfinger_store::audit::About;
use wharfinger_store::{AccountId, RepositoryId, Tx, audit};

use crate::Result;
use crate::access::{Caller, Granted, ShownToken};

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The namespace.
    pub(crate) namespace: AccountId,
    /// The repository, if it is about one.
    pub(crate) repository: Option<RepositoryId>,
}

impl Subject {
    /// Something in a repository.
    pub(crate) fn repository<L>(granted: &Granted<L>) -> Self {
        Self { namespace: granted.namespace(), repository: Some(granted.id()) }
    }

    /// A repository that was just made.
    pub(crate) fn new_repository(namespace: AccountId, repository: RepositoryId) -> Self {
        Self { namespace, repository: Some(repository) }
    }

    /// Something in a namespace.
    pub(crate) fn namespace(namespace: AccountId) -> Self {
        Self { namespace, repository: None }
    }

    /// Every entry about it: those of a namespace are also those of its repositories.
    pub(crate) fn entries(self) -> About {
        self.repository.map_or(About::Namespace(self.namespace), About::Repository)
    }
}

/// Writes down that `caller` did something. What identifies the caller is added to `metadata`, an object,
/// where it does not say that already.
pub(crate) fn write(
    tx: &mut Tx<'_>,
    caller: &Caller,
    subject: Subject,
    kind: &str,
    metadata: Value,
    now: Timestamp,
) -> Result<()> {
    let mut metadata = match metadata {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    if let Some(account) = caller.account() {
        metadata.entry("username").or_insert_with(|| json!(account.name));
        if account.kind == Kind::Robot {
            metadata.insert("is_robot".into(), json!(true));
        }
    }
    match caller.shown_token() {
        Some(ShownToken::AccessToken(token)) => {
            metadata.insert("oauth_token_id".into(), json!(token.id));
            metadata.insert("oauth_token_application".into(), json!(token.application));
            if let Some(client_id) = &token.client_id {
                metadata.insert("oauth_token_application_id".into(), json!(client_id));
            }
        }
        Some(ShownToken::AppToken(token)) => {
            metadata.insert("app_specific_token".into(), json!(token.uuid));
            metadata.insert("app_specific_token_title".into(), json!(token.title));
        }
        None => {}
    }
    if caller.has_grant() {
        metadata.insert("user-agent".into(), json!(caller.origin.user_agent));
    }
    let address = caller.origin.address.map(|address| address.to_string());
    let entry = audit::Entry {
        kind,
        namespace: subject.namespace,
        repository: subject.repository,
        account: caller.account().map(|account| account.id),
        address: address.as_deref(),
        metadata: &Value::Object(metadata),
    };
    Ok(audit::insert(tx, &entry, now)?)
}
