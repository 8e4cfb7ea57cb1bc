//! Paths of Quay's API: resources of one repository, of one organization, and of oneself.

/// A resource of a repository. Names are as they were sent, decoded; whoever uses them checks them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// `namespace/name`, any number of segments from two.
    pub repository: String,
    /// What of it.
    pub resource: Resource,
}

/// What a path names inside a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The repository itself.
    Repository,
    /// `…/changevisibility`
    Visibility,
    /// `…/tag/`
    Tags,
    /// `…/tag/{tag}`
    Tag(String),
    /// `…/tag/{tag}/restore`
    TagRestore(String),
    /// `…/tag/{tag}/expire`
    TagExpire(String),
    /// `…/tag/{tag}/pull_statistics`
    TagPulls(String),
    /// `…/manifest/{digest}`
    Manifest(String),
    /// `…/manifest/{digest}/labels`
    Labels(String),
    /// `…/manifest/{digest}/labels/{id}`
    Label(String, String),
    /// `…/manifest/{digest}/pull_statistics`
    ManifestPulls(String),
    /// `…/permissions/user/`
    UserPermissions,
    /// `…/permissions/user/{name}`
    UserPermission(String),
    /// `…/immutabilitypolicy/`
    ImmutabilityPolicies,
    /// `…/immutabilitypolicy/{uuid}`
    ImmutabilityPolicy(String),
    /// `…/logs`
    Logs,
    /// `…/aggregatelogs`
    LogTotals,
    /// `…/autoprunepolicy/`
    PrunePolicies,
    /// `…/autoprunepolicy/{uuid}`
    PrunePolicy(String),
    /// `…/autoprunepolicy/preview`
    PrunePreview,
    /// A list that was asked for without its closing slash: the request is sent on.
    MissingSlash,
}

/// Reads what follows `/api/v1/repository/` in a request's raw path. The longest literal ending wins, so
/// `a/tag/tag/x` is the tag `x` of the repository `a/tag`. `None` if it leads nowhere.
pub fn parse(raw: &str) -> Option<Path> {
    let segments = super::segments(raw)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    specific(&segments).or_else(|| path(&segments, Resource::Repository))
}

fn specific(segments: &[&str]) -> Option<Path> {
    let (repository, resource) = match segments {
        [repository @ .., "tag", ""] => (repository, Resource::Tags),
        [repository @ .., "tag", tag, "restore"] => (repository, Resource::TagRestore((*tag).to_owned())),
        [repository @ .., "tag", tag, "expire"] => (repository, Resource::TagExpire((*tag).to_owned())),
        [repository @ .., "tag", tag, "pull_statistics"] => {
            (repository, Resource::TagPulls((*tag).to_owned()))
        }
        [repository @ .., "manifest", digest, "pull_statistics"] if is_digest_like(digest) => {
            (repository, Resource::ManifestPulls((*digest).to_owned()))
        }
        [repository @ .., "manifest", digest, "labels", id] if is_digest_like(digest) => {
            (repository, Resource::Label((*digest).to_owned(), (*id).to_owned()))
        }
        [repository @ .., "manifest", digest, "labels"] if is_digest_like(digest) => {
            (repository, Resource::Labels((*digest).to_owned()))
        }
        [repository @ .., "manifest", digest] if is_digest_like(digest) => {
            (repository, Resource::Manifest((*digest).to_owned()))
        }
        [repository @ .., "permissions", "user", ""] => (repository, Resource::UserPermissions),
        [repository @ .., "permissions", "user", name] => {
            (repository, Resource::UserPermission((*name).to_owned()))
        }
        [repository @ .., "immutabilitypolicy", ""] => (repository, Resource::ImmutabilityPolicies),
        [repository @ .., "immutabilitypolicy", uuid] => {
            (repository, Resource::ImmutabilityPolicy((*uuid).to_owned()))
        }
        [repository @ .., "tag", tag] => (repository, Resource::Tag((*tag).to_owned())),
        [repository @ .., "autoprunepolicy", ""] => (repository, Resource::PrunePolicies),
        [repository @ .., "autoprunepolicy", "preview"] => (repository, Resource::PrunePreview),
        [repository @ .., "autoprunepolicy", uuid] => (repository, Resource::PrunePolicy((*uuid).to_owned())),
        [repository @ .., "tag" | "immutabilitypolicy" | "autoprunepolicy"]
        | [repository @ .., "permissions", "user"] => (repository, Resource::MissingSlash),
        [repository @ .., "changevisibility"] => (repository, Resource::Visibility),
        [repository @ .., "logs"] => (repository, Resource::Logs),
        [repository @ .., "aggregatelogs"] => (repository, Resource::LogTotals),
        _ => return None,
    };
    path(repository, resource)
}

/// What a path names of a namespace: a user's own, or an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamespaceResource {
    /// The organization itself.
    Namespace,
    /// `…/autoprunepolicy/`
    PrunePolicies,
    /// `…/autoprunepolicy/{uuid}`
    PrunePolicy(String),
    /// `…/immutabilitypolicy/`
    ImmutabilityPolicies,
    /// `…/immutabilitypolicy/{uuid}`
    ImmutabilityPolicy(String),
    /// `…/logs`
    Logs,
    /// `…/aggregatelogs`
    LogTotals,
    /// A list that was asked for without its closing slash: the request is sent on.
    MissingSlash,
}

/// Reads what follows `/api/v1/organization/` in a request's raw path: the name, decoded, and what of it. `None` if it
/// leads nowhere.
pub fn organization(raw: &str) -> Option<(String, NamespaceResource)> {
    let segments = super::segments(raw)?;
    let (name, rest) = segments.split_first()?;
    let resource = if rest.is_empty() { NamespaceResource::Namespace } else { of_namespace(rest)? };
    (!name.is_empty()).then(|| (name.clone(), resource))
}

/// Reads what follows `/api/v1/user/` in a request's raw path. `None` if it leads nowhere.
pub fn user(raw: &str) -> Option<NamespaceResource> {
    of_namespace(&super::segments(raw)?)
}

fn of_namespace(segments: &[String]) -> Option<NamespaceResource> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["autoprunepolicy", ""] => Some(NamespaceResource::PrunePolicies),
        ["autoprunepolicy", uuid] => Some(NamespaceResource::PrunePolicy((*uuid).to_owned())),
        ["immutabilitypolicy", ""] => Some(NamespaceResource::ImmutabilityPolicies),
        ["immutabilitypolicy", uuid] => Some(NamespaceResource::ImmutabilityPolicy((*uuid).to_owned())),
        ["logs"] => Some(NamespaceResource::Logs),
        ["aggregatelogs"] => Some(NamespaceResource::LogTotals),
        ["autoprunepolicy" | "immutabilitypolicy"] => Some(NamespaceResource::MissingSlash),
        _ => None,
    }
}

fn path(segments: &[&str], resource: Resource) -> Option<Path> {
    let repository = segments.join("/");
    let whole = repository.contains('/') && repository.split('/').all(|segment| !segment.is_empty());
    whole.then_some(Path { repository, resource })
}

/// Quay's own, lax form of a digest, `([A-Za-z0-9_+.-]+):([A-Fa-f0-9]+)`: only this routes to a manifest.
fn is_digest_like(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'.' | b'-');
        !algorithm.is_empty()
            && !hex.is_empty()
            && algorithm.bytes().all(word)
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(raw: &str) -> Option<(String, Resource)> {
        parse(raw).map(|path| (path.repository, path.resource))
    }

    #[test]
    fn the_longest_literal_ending_wins() {
        for (raw, repository, resource) in [
            ("a/b", "a/b", Resource::Repository),
            ("a/b/tag/", "a/b", Resource::Tags),
            ("a/b/tag", "a/b", Resource::MissingSlash),
            ("a/tag", "a/tag", Resource::Repository),
            ("a/b/tag/x", "a/b", Resource::Tag("x".into())),
            ("a/tag/tag/x", "a/tag", Resource::Tag("x".into())),
            ("a/b/tag/x/restore", "a/b", Resource::TagRestore("x".into())),
            ("a/b/tag/x/expire", "a/b", Resource::TagExpire("x".into())),
            ("a/b/c/tag/x/pull_statistics", "a/b/c", Resource::TagPulls("x".into())),
            ("a/b/manifest/sha256:00/pull_statistics", "a/b", Resource::ManifestPulls("sha256:00".into())),
            (
                "a/b/manifest/latest/pull_statistics",
                "a/b/manifest/latest/pull_statistics",
                Resource::Repository,
            ),
            ("a/b/manifest/sha256:00", "a/b", Resource::Manifest("sha256:00".into())),
            ("a/b/manifest/sha256:00/labels", "a/b", Resource::Labels("sha256:00".into())),
            ("a/b/manifest/sha256:00/labels/x", "a/b", Resource::Label("sha256:00".into(), "x".into())),
            ("a/b/manifest/latest/labels", "a/b/manifest/latest/labels", Resource::Repository),
            ("a/manifest/sha256:00", "a/manifest/sha256:00", Resource::Repository),
            ("a/b/permissions/user/", "a/b", Resource::UserPermissions),
            ("a/b/permissions/user/al", "a/b", Resource::UserPermission("al".into())),
            ("a/b/changevisibility", "a/b", Resource::Visibility),
            ("a/b/immutabilitypolicy/", "a/b", Resource::ImmutabilityPolicies),
            ("a/b/immutabilitypolicy/x", "a/b", Resource::ImmutabilityPolicy("x".into())),
            ("a/b/immutabilitypolicy", "a/b", Resource::MissingSlash),
            ("a/immutabilitypolicy", "a/immutabilitypolicy", Resource::Repository),
            ("a/b/logs", "a/b", Resource::Logs),
            ("a/logs", "a/logs", Resource::Repository),
            ("a/b/aggregatelogs", "a/b", Resource::LogTotals),
            ("a/b/autoprunepolicy/", "a/b", Resource::PrunePolicies),
            ("a/b/autoprunepolicy", "a/b", Resource::MissingSlash),
            ("a/b/autoprunepolicy/x-1", "a/b", Resource::PrunePolicy("x-1".into())),
            ("a/b/autoprunepolicy/preview", "a/b", Resource::PrunePreview),
            ("a/autoprunepolicy", "a/autoprunepolicy", Resource::Repository),
        ] {
            assert_eq!(parsed(raw), Some((repository.to_owned(), resource)), "{raw}");
        }
    }

    #[test]
    fn encoded_slashes_part_a_repository_but_stay_inside_a_tag() {
        assert_eq!(parsed("a%2Fb/tag/x"), Some(("a/b".into(), Resource::Tag("x".into()))));
        assert_eq!(parsed("a/b/tag/x%2Fy"), Some(("a/b".into(), Resource::Tag("x/y".into()))));
        assert_eq!(parsed("a/b/tag/x%252Fy"), Some(("a/b".into(), Resource::Tag("x%2Fy".into()))));
    }

    #[test]
    fn policies_lie_below_organizations_and_ones_own_user() {
        for (raw, resource) in [
            ("acme", NamespaceResource::Namespace),
            ("acme/autoprunepolicy/", NamespaceResource::PrunePolicies),
            ("acme/autoprunepolicy", NamespaceResource::MissingSlash),
            ("acme/autoprunepolicy/x-1", NamespaceResource::PrunePolicy("x-1".into())),
        ] {
            assert_eq!(organization(raw), Some(("acme".into(), resource.clone())), "{raw}");
            let own = raw.strip_prefix("acme").map(|rest| rest.trim_start_matches('/')).and_then(user);
            assert_eq!(own, Some(resource).filter(|it| *it != NamespaceResource::Namespace), "{raw}");
        }
        for raw in ["", "/autoprunepolicy/", "acme/", "acme/autoprunepolicy/x/y", "acme/nothing"] {
            assert_eq!(organization(raw), None, "{raw}");
        }
    }

    #[test]
    fn one_segment_and_empty_segments_lead_nowhere() {
        for raw in ["", "a", "a/", "/b", "a//b", "a/b/"] {
            assert_eq!(parsed(raw), None, "{raw}");
        }
    }
}
