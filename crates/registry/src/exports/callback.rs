//! The way out by which those are told who wait for an export.

use std::pin::Pin;

use serde::Serialize;
use wharfinger_model::CallbackUrl;

/// What a callback will give.
pub type Posting<'a> = Pin<Box<dyn Future<Output = Result<(), CallbackError>> + Send + 'a>>;

/// Tells others at addresses that clients have named, so an implementation must be ready for hostile ones: it keeps to public
/// addresses and TLS except where the operator has said otherwise, follows nobody elsewhere, reads nothing of an answer
/// but its status, and bounds the time that it takes.
pub trait Callbacks: Send + Sync {
    /// Whether anything may be sent to `url`, as far as that can be told without looking up its host.
    ///
    /// # Errors
    /// [`CallbackError::Forbidden`].
    fn check(&self, url: &CallbackUrl) -> Result<(), CallbackError>;

    /// Posts the report to `url` as JSON, to be answered by any success.
    fn post<'a>(&'a self, url: &'a CallbackUrl, report: &'a Report) -> Posting<'a>;
}

/// What somebody is told who waits for an export, in Quay's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The export's name.
    pub export_id: String,
    /// Nothing older is in it.
    pub start_date: String,
    /// Nothing from then on is in it.
    pub end_date: String,
    /// The namespace that it is from, while that is there.
    pub namespace: Option<String>,
    /// The repository that it is from, without its namespace, if it is from one.
    pub repository: Option<String>,
    /// What became of it.
    pub status: Status,
    /// Where it can be had, if it can.
    pub exported_data_url: Option<String>,
}

/// What became of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It can be had.
    Success,
    /// Whoever asked for it may not read the log any more.
    Failed,
}

/// Why somebody was not told. The texts are for the log; those who are told have a say in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// The rules do not let anything be sent there.
    #[error("{0}")]
    Forbidden(String),
    /// Nobody took it.
    #[error("{0}")]
    Failed(String),
}

/// Tells nobody: for commands that work on the store alone.
#[derive(Debug, Clone, Copy)]
pub struct Offline;

impl Callbacks for Offline {
    fn check(&self, _: &CallbackUrl) -> Result<(), CallbackError> {
        Err(CallbackError::Forbidden("this process tells nobody".into()))
    }

    fn post<'a>(&'a self, url: &'a CallbackUrl, _: &'a Report) -> Posting<'a> {
        Box::pin(std::future::ready(self.check(url)))
    }
}
