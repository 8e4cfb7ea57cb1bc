//! Names that people give: namespaces, repositories, tags.

use std::fmt;
use std::str::FromStr;

/// Longest repository name, namespace and slashes included, in bytes.
const REPOSITORY_MAX: usize = 255;
/// Longest tag, in bytes (OCI distribution specification, "Pulling manifests").
const TAG_MAX: usize = 128;

/// One path component of the distribution specification's name grammar:
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    alphanumeric(*first)
        && alphanumeric(*last)
        && bytes
            .split(|byte| alphanumeric(*byte))
            .all(|gap| matches!(gap, b"" | b"." | b"_" | b"__") || gap.iter().all(|byte| *byte == b'-'))
}

macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// The name of an account that can own repositories: a user or an organization.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Box<str>);

/// The text can't name an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name has 2 to 255 characters: lower-case letters and digits, joined by single dots, underscores or dashes"
)]
pub struct InvalidNamespace;

text_type!(Namespace);

impl Namespace {
    /// How one is written, as a regular expression that JSON Schema takes. The length is not in it.
    pub const PATTERN: &str = "^[a-z0-9]([._-]?[a-z0-9])+$";
    /// The longest one, in bytes.
    pub const MAX_LENGTH: usize = REPOSITORY_MAX;
}

impl FromStr for Namespace {
    type Err = InvalidNamespace;

    fn from_str(text: &str) -> Result<Self, InvalidNamespace> {
        let single_joints = !text.contains("__") && !text.contains("--");
        let long_enough = (2..=REPOSITORY_MAX).contains(&text.len());
        if long_enough && single_joints && is_component(text) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidNamespace)
        }
    }
}

/// The name of a robot: that of the account that it belongs to, a plus, and a name of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RobotName(Box<str>);

/// The text can't name a robot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a robot's name is that of its namespace, a plus, and a name like one")]
pub struct InvalidRobotName;

text_type!(RobotName);

impl RobotName {
    /// Joins the two parts.
    pub fn new(namespace: &Namespace, short: &Namespace) -> Self {
        Self(format!("{namespace}+{short}").into())
    }

    /// The name of the account that it belongs to.
    pub fn namespace(&self) -> &str {
        self.0.split_once('+').map_or("", |(namespace, _)| namespace)
    }

    /// The name of its own.
    pub fn short(&self) -> &str {
        self.0.split_once('+').map_or("", |(_, short)| short)
    }
}

impl FromStr for RobotName {
    type Err = InvalidRobotName;

    fn from_str(text: &str) -> Result<Self, InvalidRobotName> {
        let (namespace, short) = text.split_once('+').ok_or(InvalidRobotName)?;
        match (namespace.parse(), short.parse()) {
            (Ok(namespace), Ok(short)) => Ok(Self::new(&namespace, &short)),
            _ => Err(InvalidRobotName),
        }
    }
}

/// The full name of a repository: its namespace, a slash, and one or more components.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(Box<str>);

/// The text can't name a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a repository is `namespace/name`: lower-case letters and digits, joined by `.`, `_`, `__` or dashes, at most 255 characters"
)]
pub struct InvalidRepositoryName;

text_type!(RepositoryName);

impl RepositoryName {
    /// How one is written, as a regular expression that JSON Schema takes. The length is not in it.
    pub const PATTERN: &str = r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+$";
    /// The same for what stands behind the namespace.
    pub const NAME_PATTERN: &str =
        r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$";
    /// The longest one, in bytes.
    pub const MAX_LENGTH: usize = REPOSITORY_MAX;
    /// The namespace that a name without a slash lies in, as in `docker pull registry/busybox`.
    const LIBRARY: &str = "library";

    /// Joins the two parts.
    ///
    /// # Errors
    /// When the result is not a repository's name.
    pub fn new(namespace: &str, name: &str) -> Result<Self, InvalidRepositoryName> {
        format!("{namespace}/{name}").parse()
    }

    /// What stands before the first slash.
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// What stands behind the first slash.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

impl FromStr for RepositoryName {
    type Err = InvalidRepositoryName;

    /// A text of one component lies in the namespace `library`.
    fn from_str(text: &str) -> Result<Self, InvalidRepositoryName> {
        let name: Box<str> =
            if text.contains('/') { text.into() } else { format!("{}/{text}", Self::LIBRARY).into() };
        if name.len() <= REPOSITORY_MAX && name.split('/').all(is_component) {
            Ok(Self(name))
        } else {
            Err(InvalidRepositoryName)
        }
    }
}

/// A tag's name: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagName(Box<str>);

/// The text can't be a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "Invalid tag: must match [A-Za-z0-9_.-], NOT start with \".\" or \"-\", and can contain 1-128 characters"
)]
pub struct InvalidTagName;

text_type!(TagName);

impl TagName {
    /// The longest one, in bytes.
    pub const MAX_LENGTH: usize = TAG_MAX;

    /// The tag under which clients that do not know the referrers API keep an index of what refers to `subject`: the
    /// algorithm, cut to 32 characters, a dash, and the digits, cut to 64 (OCI distribution specification, "Referrers
    /// Tag Schema"). Characters that no tag may hold can't stand in a digest.
    pub fn of_referrers(subject: &crate::Digest) -> Self {
        let cut = |text: &str, length| text.chars().take(length).collect::<String>();
        let (algorithm, digits) = (subject.algorithm().as_str(), subject.hex());
        Self(format!("{}-{}", cut(algorithm, 32), cut(digits, 64)).into())
    }
}

impl FromStr for TagName {
    type Err = InvalidTagName;

    fn from_str(text: &str) -> Result<Self, InvalidTagName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        let starts_well = text.bytes().next().is_some_and(|byte| !matches!(byte, b'.' | b'-'));
        if starts_well && text.len() <= TAG_MAX && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidTagName)
        }
    }
}

/// What may follow `/manifests/`: a tag or a digest, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// By name.
    Tag(TagName),
    /// By content.
    Digest(crate::Digest),
}

impl FromStr for Reference {
    type Err = InvalidReference;

    /// A colon can't stand in a tag, so it makes the text a digest.
    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text.contains(':') {
            text.parse().map(Self::Digest).map_err(InvalidReference::Digest)
        } else {
            text.parse().map(Self::Tag).map_err(InvalidReference::Tag)
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// The text is neither a tag nor a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// It has no colon, but can't be a tag.
    #[error(transparent)]
    Tag(InvalidTagName),
    /// It has a colon, but is no digest.
    #[error(transparent)]
    Digest(crate::InvalidDigest),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names_follow_the_specification() {
        for good in ["acme/web", "acme/team/web", "a/b", "a1/b.c_d__e---f/0"] {
            assert_eq!(good.parse::<RepositoryName>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "", "/", "a/", "/a", "a//b", "A/b", "a/b_", "a/.b", "a/b..c", "a/b___c", "a/b._c", "a/ä",
            "a/b\0", "a/../b",
        ] {
            assert_eq!(bad.parse::<RepositoryName>(), Err(InvalidRepositoryName), "{bad}");
        }
        assert!(format!("a/{}", "b".repeat(253)).parse::<RepositoryName>().is_ok());
        assert!(format!("a/{}", "b".repeat(254)).parse::<RepositoryName>().is_err());
    }

    #[test]
    fn the_published_patterns_fit_what_is_read_as_a_name() {
        let [namespace, full, name] =
            [Namespace::PATTERN, RepositoryName::PATTERN, RepositoryName::NAME_PATTERN]
                .map(|pattern| regex::Regex::new(pattern).expect("a pattern"));
        let parts = ["", "a", "0", "-", ".", "_", "/", "A", "\0"];
        let pairs = || parts.iter().flat_map(|one| parts.map(|two| format!("{one}{two}")));
        for text in pairs().flat_map(|start| pairs().map(move |end| format!("{start}{end}"))) {
            assert_eq!(namespace.is_match(&text), text.parse::<Namespace>().is_ok(), "{text}");
            let is_name = RepositoryName::new("a", &text).is_ok();
            assert_eq!(name.is_match(&text), is_name, "{text}");
            assert_eq!(full.is_match(&format!("a/{text}")), is_name, "{text}");
        }
        assert!(!full.is_match("busybox"));
    }

    #[test]
    fn a_name_of_one_component_lies_in_library() {
        let name: RepositoryName = "busybox".parse().expect("a name");
        assert_eq!((name.namespace(), name.name()), ("library", "busybox"));
        assert!("b".repeat(247).parse::<RepositoryName>().is_ok());
        assert!("b".repeat(248).parse::<RepositoryName>().is_err(), "the namespace counts");
    }

    #[test]
    fn nested_names_split_at_the_first_slash() {
        let name: RepositoryName = "acme/team/web".parse().expect("a name");
        assert_eq!((name.namespace(), name.name()), ("acme", "team/web"));
    }

    #[test]
    fn namespaces_have_single_joints_and_two_characters() {
        assert!("a-b.c_d".parse::<Namespace>().is_ok());
        for bad in ["a", "a--b", "a__b", "-a", "a-", "A1", "a b", "a/b"] {
            assert_eq!(bad.parse::<Namespace>(), Err(InvalidNamespace), "{bad}");
        }
    }

    #[test]
    fn a_robots_name_is_two_names_with_a_plus_between() {
        let name: RobotName = "acme+ci-1".parse().expect("a name");
        assert_eq!((name.namespace(), name.short(), name.as_str()), ("acme", "ci-1", "acme+ci-1"));
        for bad in ["", "acme", "+ci", "acme+", "acme+c", "acme+c+i", "acme +ci", "Acme+ci"] {
            assert_eq!(bad.parse::<RobotName>(), Err(InvalidRobotName), "{bad}");
        }
    }

    #[test]
    fn tags_start_with_a_word_character_and_have_at_most_128() {
        for good in ["latest", "_", "V1.2-rc", &"x".repeat(128)] {
            assert!(good.parse::<TagName>().is_ok(), "{good}");
        }
        for bad in ["", "-x", ".x", "a b", "ä", "a:b", "a/b", "a\0", &"x".repeat(129)] {
            assert_eq!(bad.parse::<TagName>(), Err(InvalidTagName), "{bad}");
        }
    }

    #[test]
    fn the_tag_of_referrers_is_cut_to_64_digits() {
        for (algorithm, tag) in [
            (
                crate::Algorithm::Sha256,
                "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                crate::Algorithm::Sha512,
                "sha512-ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a",
            ),
        ] {
            let name = TagName::of_referrers(&algorithm.digest(b"abc"));
            assert_eq!(name.as_str(), tag);
            assert_eq!(tag.parse(), Ok(name));
        }
    }
}
