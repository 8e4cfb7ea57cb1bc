//! What the registry can refuse. How that looks on the wire is the web's business.

use std::time::Duration;

use wharfinger_model::manifest::InvalidManifest;
use wharfinger_model::{Digest, RepositoryName, TagName, tag};

/// What every use case gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a use case did not do what was asked. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is signed in, and somebody must be. Also what an anonymous caller hears of a repository that is missing.
    #[error("authentication is required")]
    Unauthenticated,
    /// The caller's role or scope is too low. Also what callers without rights hear of a repository that is missing.
    #[error("the caller may not do this")]
    Forbidden,
    /// The caller's access token is for less than all that its account may do, and what is asked for gives all of it.
    #[error(
        "this gives all that the account may do: sign in, show name and password, or send an access token with every scope"
    )]
    NeedsEveryScope,
    /// The caller could read the repository that a blob shall be mounted from, but its token does not say so.
    #[error("the token does not cover pulling from `{0}`")]
    MountNeedsPull(RepositoryName),
    /// There is no such repository, and the caller may know that.
    #[error("no such repository")]
    NoRepository,
    /// What is in the repository may not change.
    #[error("{0} is in read-only mode")]
    ReadOnly(RepositoryName),
    /// There is no living tag of that name.
    #[error("no such tag")]
    NoTag,
    /// The tag has a history, but is not alive.
    #[error("tag `{0}` was deleted or has expired")]
    TagDead(TagName),
    /// The repository has no such manifest.
    #[error("no such manifest")]
    NoManifest,
    /// The manifest has no such label.
    #[error("no such label")]
    NoLabel,
    /// The repository sees no such blob.
    #[error("no such blob")]
    NoBlob,
    /// The repository has no such upload, or it is somebody else's.
    #[error("no such upload")]
    NoUpload,
    /// There is no such user or organization.
    #[error("no such account")]
    NoAccount,
    /// The repository has no such notification.
    #[error("no such notification")]
    NoNotification,
    /// There is no such export, or its link has ended.
    #[error("there is no export at this link, or the link has ended; ask for the export anew")]
    NoExport,
    /// There is no such team.
    #[error("no such team")]
    NoTeam,
    /// There is no such token where it was looked for.
    #[error("no such token")]
    NoToken,
    /// There is no such signing key.
    #[error("no such key")]
    NoKey,
    /// There is no such policy where it was looked for.
    #[error("no such policy")]
    NoPolicy,
    /// There is no such OAuth 2 application, or the organization has none.
    #[error("no such application")]
    NoApplication,
    /// An application's answer can't go to where it is asked for: it is not registered for that.
    #[error("the redirect URI is not the application's")]
    RedirectUri,
    /// A scope is asked for that there is not.
    #[error("no such scope")]
    UnknownScope,
    /// The session's password was shown too long ago for this.
    #[error("the password must be shown again")]
    FreshLoginRequired,
    /// Too many passwords were wrong, so that the next one has to wait.
    #[error("too many failed attempts to sign in")]
    TooManyAttempts {
        /// How long, at least.
        retry_after: Duration,
    },
    /// Too many accounts were made from the client's address lately.
    #[error("too many accounts were made from this address; try again later")]
    TooManySignUps {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The change of a tag was refused.
    #[error("tag `{name}`: {refusal}")]
    Tag {
        /// Which tag.
        name: TagName,
        /// Why.
        refusal: tag::Refusal,
    },
    /// The manifest was refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The upload was refused.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// A living manifest of the repository needs the blob.
    #[error("a manifest of the repository needs this blob")]
    BlobNeeded,
    /// A rule of the API was broken; the text says which.
    #[error("{0}")]
    InvalidRequest(String),
    /// The same, for the rules whose breach Quay tells with a bare message.
    #[error("{0}")]
    Message(String),
    /// There is no space left to store anything.
    #[error("the registry's storage is full")]
    Full,
    /// The store can't be reached at present.
    #[error("the registry's database is not available")]
    Unavailable,
    /// Too many want the same at once.
    #[error("the registry is busy; try again soon")]
    Busy,
    /// Something that should not happen. The text is for the log alone.
    #[error("{0}")]
    Internal(String),
}

/// Why a manifest was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It can't be read.
    #[error(transparent)]
    Invalid(#[from] InvalidManifest),
    /// It was sent under a digest that is not its own.
    #[error("manifest digest mismatch: the content's digest is {0}")]
    DigestMismatch(Digest),
    /// It points at a blob that the repository does not have.
    #[error("Unknown blob `{0}`")]
    UnknownBlob(Digest),
    /// It lists a manifest that the repository does not have, at least not in that size.
    #[error("Could not find child manifest with digest `{0}`")]
    UnknownChild(Digest),
    /// It can't be deleted: a living index lists it.
    #[error("the manifest is part of the index {0}; delete that first")]
    NeededByIndex(Digest),
}

/// Why a part of an upload was refused. The upload stays where it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// The part does not begin where the upload stands.
    #[error("the upload stands at byte {offset}")]
    OutOfOrder {
        /// How many bytes are there.
        offset: u64,
    },
    /// The content's digest is another.
    #[error("the content does not match the digest")]
    DigestMismatch,
    /// Another request is writing to it.
    #[error("another request is writing to this upload")]
    Busy,
    /// The body was longer or shorter than was announced.
    #[error("the body's length differs from what was announced")]
    Length,
    /// The body stopped coming.
    #[error(transparent)]
    Body(#[from] crate::blobs::uploads::BodyError),
}

impl From<wharfinger_store::Error> for Error {
    fn from(error: wharfinger_store::Error) -> Self {
        match error {
            wharfinger_store::Error::Full => Self::Full,
            wharfinger_store::Error::Unavailable => Self::Unavailable,
            wharfinger_store::Error::NulInText => Self::InvalidRequest(error.to_string()),
            other => Self::Internal(format!("store: {other}")),
        }
    }
}

impl From<wharfinger_blobs::Error> for Error {
    fn from(error: wharfinger_blobs::Error) -> Self {
        match error {
            wharfinger_blobs::Error::Full => Self::Full,
            wharfinger_blobs::Error::TooManyFiles => Self::Busy,
            wharfinger_blobs::Error::Busy => UploadError::Busy.into(),
            wharfinger_blobs::Error::DigestMismatch => UploadError::DigestMismatch.into(),
            wharfinger_blobs::Error::UploadLost => Self::NoUpload,
            other => Self::Internal(format!("blobs: {other}")),
        }
    }
}
