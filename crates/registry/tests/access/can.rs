//! What a caller can do with a repository, found out by trying.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use wharfinger_model::{Algorithm, Digest, Reference, RepositoryState, Role};
use wharfinger_registry::blobs::uploads::{self, BodyError, Part};
use wharfinger_registry::blobs::{self, mounts};
use wharfinger_registry::manifests::ReferrersQuery;
use wharfinger_registry::repositories::permissions;
use wharfinger_registry::repositories::permissions::Grantee;
use wharfinger_registry::repositories::{self, Stats, Tags, Visibility};
use wharfinger_registry::tags::{self, ListQuery, Living, ManifestWanted, TagUpdate};
use wharfinger_registry::{Caller, Error, Registry, Result, manifests, pulls};

use crate::support::{Repository, index, tag};

/// Every use case that is about one repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UseCase {
    ListTags,
    NameTags,
    Pull,
    Referrers,
    CountTag,
    CountManifest,
    HeadBlob,
    OpenBlob,
    View,
    AuthorizeWrite,
    ChangeTag,
    DeleteTag,
    RestoreTag,
    Push,
    BeginUpload,
    LookAtUpload,
    Append,
    Finish,
    Cancel,
    PushWhole,
    Mount,
    Describe,
    DeleteByTag,
    DeleteByDigest,
    DeleteBlob,
    ListPermissions,
    LookAtPermission,
    SetPermission,
    RemovePermission,
    SetVisibility,
    SetState,
    DeleteRepository,
}

/// What a use case needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Read,
    Write,
    /// A writer's role, or a registry token made for deleting.
    Delete,
    /// A writer's role, whatever the state of the repository is.
    Describe,
    Admin,
}

/// Every use case and what it needs.
pub(crate) const USE_CASES: [(UseCase, Needs); 32] = [
    (UseCase::ListTags, Needs::Read),
    (UseCase::NameTags, Needs::Read),
    (UseCase::Pull, Needs::Read),
    (UseCase::Referrers, Needs::Read),
    (UseCase::CountTag, Needs::Read),
    (UseCase::CountManifest, Needs::Read),
    (UseCase::HeadBlob, Needs::Read),
    (UseCase::OpenBlob, Needs::Read),
    (UseCase::View, Needs::Read),
    (UseCase::AuthorizeWrite, Needs::Write),
    (UseCase::ChangeTag, Needs::Write),
    (UseCase::DeleteTag, Needs::Write),
    (UseCase::RestoreTag, Needs::Write),
    (UseCase::Push, Needs::Write),
    (UseCase::BeginUpload, Needs::Write),
    (UseCase::LookAtUpload, Needs::Write),
    (UseCase::Append, Needs::Write),
    (UseCase::Finish, Needs::Write),
    (UseCase::Cancel, Needs::Write),
    (UseCase::PushWhole, Needs::Write),
    (UseCase::Mount, Needs::Write),
    (UseCase::Describe, Needs::Describe),
    (UseCase::DeleteByTag, Needs::Delete),
    (UseCase::DeleteByDigest, Needs::Delete),
    (UseCase::DeleteBlob, Needs::Delete),
    (UseCase::ListPermissions, Needs::Admin),
    (UseCase::LookAtPermission, Needs::Admin),
    (UseCase::SetPermission, Needs::Admin),
    (UseCase::RemovePermission, Needs::Admin),
    (UseCase::SetVisibility, Needs::Admin),
    (UseCase::SetState, Needs::Admin),
    // Last, because then the repository is gone.
    (UseCase::DeleteRepository, Needs::Admin),
];

/// How the check of a caller's rights ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Whatever else may be wrong with what was asked.
    Allowed,
    Forbidden,
    Unauthenticated,
    /// It would be allowed, but there is no such repository.
    NoRepository,
    /// It would be allowed, but nothing in the repository may change.
    ReadOnly,
}

/// What can be done without leaving a trace.
pub(crate) const HARMLESS: [(UseCase, Needs); 4] = [
    (UseCase::ListTags, Needs::Read),
    (UseCase::AuthorizeWrite, Needs::Write),
    (UseCase::DeleteByDigest, Needs::Delete),
    (UseCase::ListPermissions, Needs::Admin),
];

/// Which of the harmless use cases the caller may do, in the order read, write, delete, administer.
pub(crate) async fn powers(registry: &Registry, caller: &Arc<Caller>, repository: &Repository) -> [bool; 4] {
    let mut powers = [false; 4];
    for (power, (use_case, _)) in powers.iter_mut().zip(HARMLESS) {
        *power = attempt(registry, caller, repository, use_case).await == Verdict::Allowed;
    }
    powers
}

/// The powers that a role gives.
pub(crate) fn powers_of(role: Option<Role>) -> [bool; 4] {
    [
        role >= Some(Role::Read),
        role >= Some(Role::Write),
        role >= Some(Role::Write),
        role >= Some(Role::Admin),
    ]
}

/// Tries a use case on things that are not there.
pub(crate) async fn attempt(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &Repository,
    use_case: UseCase,
) -> Verdict {
    let given = match use_case {
        UseCase::ListTags
        | UseCase::NameTags
        | UseCase::Pull
        | UseCase::Referrers
        | UseCase::CountTag
        | UseCase::CountManifest
        | UseCase::HeadBlob
        | UseCase::OpenBlob
        | UseCase::View => look(registry, caller, repository, use_case).await,
        UseCase::BeginUpload
        | UseCase::LookAtUpload
        | UseCase::Append
        | UseCase::Finish
        | UseCase::Cancel
        | UseCase::PushWhole
        | UseCase::Mount => upload(registry, caller, repository, use_case).await,
        UseCase::ListPermissions
        | UseCase::LookAtPermission
        | UseCase::SetPermission
        | UseCase::RemovePermission
        | UseCase::SetVisibility
        | UseCase::SetState
        | UseCase::DeleteRepository => administer(registry, caller, repository, use_case).await,
        _ => write(registry, caller, repository, use_case).await,
    };
    match given {
        Err(Error::Forbidden) => Verdict::Forbidden,
        Err(Error::Unauthenticated) => Verdict::Unauthenticated,
        Err(Error::NoRepository) => Verdict::NoRepository,
        Err(Error::ReadOnly(_)) => Verdict::ReadOnly,
        Err(Error::Internal(message)) => panic!("{use_case:?}: {message}"),
        _ => Verdict::Allowed,
    }
}

fn unknown() -> Digest {
    Digest::sha256(b"nothing that is there")
}

async fn look(registry: &Registry, caller: &Arc<Caller>, at: &Repository, use_case: UseCase) -> Result<()> {
    let (name, digest) = (&at.name, unknown());
    match use_case {
        UseCase::ListTags => {
            let query = ListQuery { page: 1, limit: 1, living: Living::Only, specific: None, filter: None };
            tags::list(registry, caller, name, query).await.map(drop)
        }
        UseCase::NameTags => tags::names(registry, caller, name, 1, "").await.map(drop),
        UseCase::Pull => {
            manifests::pull(registry, caller, name, &Reference::Tag(tag("none"))).await.map(drop)
        }
        UseCase::Referrers => {
            let query = ReferrersQuery { artifact_type: None, last: String::new(), n: 1 };
            manifests::referrers(registry, caller, name, &digest, query).await.map(drop)
        }
        UseCase::CountTag => pulls::of_tag(registry, caller, name, "none").await.map(drop),
        UseCase::CountManifest => pulls::of_manifest(registry, caller, name, digest.as_str()).await.map(drop),
        UseCase::HeadBlob => blobs::head(registry, caller, name, &digest).await.map(drop),
        UseCase::OpenBlob => blobs::open(registry, caller, name, &digest).await.map(drop),
        _ => repositories::get(registry, caller, name, Tags::Include, Stats::Omit).await.map(drop),
    }
}

async fn write(registry: &Registry, caller: &Arc<Caller>, at: &Repository, use_case: UseCase) -> Result<()> {
    let (name, digest) = (&at.name, unknown());
    match use_case {
        UseCase::AuthorizeWrite => tags::authorize_write(registry, caller, name).await,
        UseCase::ChangeTag => {
            let update =
                TagUpdate { manifest_digest: Some(ManifestWanted::Digest(digest)), ..TagUpdate::default() };
            tags::change(registry, caller, name, &tag("none"), update).await
        }
        UseCase::DeleteTag => tags::delete(registry, caller, name, "none").await,
        UseCase::RestoreTag => tags::restore(registry, caller, name, "none", Some(digest.as_str())).await,
        UseCase::Push => {
            let content = index("pushed", &[]);
            let reference = Reference::Digest(Digest::sha256(&content));
            manifests::push(registry, caller, name, manifests::Push::to(&reference, None, content))
                .await
                .map(drop)
        }
        UseCase::Describe => repositories::set_description(registry, caller, name, "described").await,
        UseCase::DeleteByTag => manifests::delete(registry, caller, name, &Reference::Tag(tag("none"))).await,
        UseCase::DeleteByDigest => {
            manifests::delete(registry, caller, name, &Reference::Digest(digest)).await
        }
        _ => blobs::delete(registry, caller, name, &digest).await,
    }
}

async fn upload(registry: &Registry, caller: &Arc<Caller>, at: &Repository, use_case: UseCase) -> Result<()> {
    let (name, digest, id) = (&at.name, Digest::sha256(b"content"), "01234567-89ab-4def-8123-456789abcdef");
    let body = || stream::iter([Ok::<_, BodyError>(Bytes::from_static(b"content"))]);
    match use_case {
        UseCase::BeginUpload => uploads::begin(registry, caller, name, Algorithm::Sha256).await.map(drop),
        UseCase::LookAtUpload => uploads::status(registry, caller, name, id).await.map(drop),
        UseCase::Append => {
            uploads::append(registry, caller, name, id, Part::default(), body()).await.map(drop)
        }
        UseCase::Finish => {
            uploads::finish(registry, caller, name, id, Part::default(), body(), &digest).await
        }
        UseCase::Cancel => uploads::cancel(registry, caller, name, id).await,
        UseCase::PushWhole => uploads::push_whole(registry, caller, name, None, body(), &digest).await,
        _ => {
            let from = "nobody/nothing".parse().unwrap();
            mounts::mount(registry, caller, name, &digest, &from).await.map(drop)
        }
    }
}

async fn administer(
    registry: &Registry,
    caller: &Arc<Caller>,
    at: &Repository,
    use_case: UseCase,
) -> Result<()> {
    let (name, nobody) = (&at.name, Grantee::User("nobody".into()));
    match use_case {
        UseCase::ListPermissions => permissions::of_users(registry, caller, name).await.map(drop),
        UseCase::LookAtPermission => permissions::get(registry, caller, name, &nobody).await.map(drop),
        UseCase::SetPermission => {
            permissions::set(registry, caller, name, &nobody, Role::Admin).await.map(drop)
        }
        UseCase::RemovePermission => permissions::remove(registry, caller, name, &nobody).await,
        UseCase::SetVisibility => {
            repositories::set_visibility(registry, caller, name, Visibility::Private).await
        }
        // As it is.
        UseCase::SetState => {
            let state = repositories::get(registry, caller, name, Tags::Omit, Stats::Omit)
                .await
                .map(|view| view.state);
            let state = state.unwrap_or(RepositoryState::Normal);
            repositories::set_state(registry, caller, name, state).await
        }
        _ => repositories::delete(registry, caller, name).await,
    }
}
