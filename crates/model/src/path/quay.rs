//! Paths below `/api/v1/repository/` and `/api/v1/organization/`: Quay's resources of one repository or organization.

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
        [repository @ .., "tag" | "immutabilitypolicy"] | [repository @ .., "permissions", "user"] => {
            (repository, Resource::MissingSlash)
        }
        [repository @ .., "changevisibility"] => (repository, Resource::Visibility),
        [repository @ .., "logs"] => (repository, Resource::Logs),
        [repository @ .., "aggregatelogs"] => (repository, Resource::LogTotals),
        _ => return None,
    };
    path(repository, resource)
}

fn path(segments: &[&str], resource: Resource) -> Option<Path> {
    let repository = segments.join("/");
    let whole = repository.contains('/') && repository.split('/').all(|segment| !segment.is_empty());
    whole.then_some(Path { repository, resource })
}

/// A resource of an organization, or of a user as the owner of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationPath {
    /// The name, as it was sent, decoded.
    pub organization: String,
    /// What of it.
    pub resource: OrganizationResource,
}

/// What a path names of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrganizationResource {
    /// The organization itself.
    Organization,
    /// `…/logs`
    Logs,
    /// `…/aggregatelogs`
    LogTotals,
    /// `…/immutabilitypolicy/`
    ImmutabilityPolicies,
    /// `…/immutabilitypolicy/{uuid}`
    ImmutabilityPolicy(String),
    /// A list that was asked for without its closing slash: the request is sent on.
    MissingSlash,
}

/// Reads what follows `/api/v1/organization/` in a request's raw path. `None` if it leads nowhere.
pub fn parse_organization(raw: &str) -> Option<OrganizationPath> {
    let segments = super::segments(raw)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (organization, resource) = match segments.as_slice() {
        [organization] => (organization, OrganizationResource::Organization),
        [organization, "logs"] => (organization, OrganizationResource::Logs),
        [organization, "aggregatelogs"] => (organization, OrganizationResource::LogTotals),
        [organization, "immutabilitypolicy", ""] => {
            (organization, OrganizationResource::ImmutabilityPolicies)
        }
        [organization, "immutabilitypolicy", uuid] => {
            (organization, OrganizationResource::ImmutabilityPolicy((*uuid).to_owned()))
        }
        [organization, "immutabilitypolicy"] => (organization, OrganizationResource::MissingSlash),
        _ => return None,
    };
    Some(OrganizationPath { organization: (*organization).to_owned(), resource })
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
    fn one_segment_and_empty_segments_lead_nowhere() {
        for raw in ["", "a", "a/", "/b", "a//b", "a/b/"] {
            assert_eq!(parsed(raw), None, "{raw}");
        }
    }
}
