//! What images, and those who lay down rules for names, have to say about the tags that point at them.

use std::time::Duration;

use crate::{Digest, Period, TagName};

/// The label that says how long after its beginning a lifetime at the image shall end.
pub const EXPIRES_AFTER: &str = "quay.expires-after";
/// The label that says whether lifetimes at the image shall be immutable.
pub const IMMUTABLE: &str = "quay.immutable";
/// Every label by which an image asks for something.
pub const WISHES: [&str; 2] = [EXPIRES_AFTER, IMMUTABLE];

/// What a manifest asks for the lifetimes that begin at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wishes {
    /// How long they shall last.
    pub expires_after: Option<Duration>,
    /// Whether they shall be immutable.
    pub immutable: bool,
}

impl Wishes {
    /// What labels or annotations say; what can't be read says nothing.
    pub fn of<'a>(label: impl Fn(&str) -> Option<&'a str>) -> Self {
        Self {
            expires_after: label(EXPIRES_AFTER).and_then(|text| text.parse().ok()).map(Period::length),
            immutable: label(IMMUTABLE).is_some_and(|value| value.trim().eq_ignore_ascii_case("true")),
        }
    }

    /// What an index wishes: what its own annotations say, and failing that what everything that it lists says alike.
    pub fn of_index(own: Self, children: impl IntoIterator<Item = Self>) -> Self {
        let common = children.into_iter().reduce(|common, child| Self {
            expires_after: common.expires_after.filter(|_| common.expires_after == child.expires_after),
            immutable: common.immutable && child.immutable,
        });
        let common = common.unwrap_or_default();
        Self {
            expires_after: own.expires_after.or(common.expires_after),
            immutable: own.immutable || common.immutable,
        }
    }
}

/// The endings by which Cosign names what belongs to an image.
const SIBLINGS: [&str; 3] = [".sig", ".att", ".sbom"];

/// The tags under which Cosign keeps signatures, attestations and bills of materials of a manifest: they live and die with
/// the tags that point at it.
pub fn siblings_of(manifest: &Digest) -> impl Iterator<Item = TagName> {
    let stem = format!("{}-{}", manifest.algorithm().as_str(), manifest.hex());
    let endings = SIBLINGS.into_iter().filter(|_| manifest.algorithm() == crate::Algorithm::Sha256);
    endings.filter_map(move |ending| format!("{stem}{ending}").parse().ok())
}

/// Whether a tag is one of those that [`siblings_of`] some manifest names.
pub fn is_sibling(name: &TagName) -> bool {
    let stem = SIBLINGS.iter().find_map(|ending| name.as_str().strip_suffix(ending));
    let hex = stem.and_then(|stem| stem.strip_prefix("sha256-")).unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn wishes(expires_after: Option<Duration>, immutable: bool) -> Wishes {
        Wishes { expires_after, immutable }
    }

    #[test]
    fn what_can_not_be_read_is_no_wish() {
        let of = |expires: &'static str, immutable: &'static str| {
            Wishes::of(move |key| match key {
                EXPIRES_AFTER => Some(expires),
                IMMUTABLE => Some(immutable),
                _ => None,
            })
        };
        assert_eq!(of("1d", " TRUE "), wishes(Some(DAY), true));
        assert_eq!(of("0s", "yes"), Wishes::default());
        assert_eq!(of("-1d", ""), Wishes::default());
        assert_eq!(of("20000y", ""), Wishes::default(), "there are no dates so far away");
        assert_eq!(Wishes::of(|_| None), Wishes::default());
    }

    #[test]
    fn an_index_wishes_what_it_says_or_what_all_that_it_lists_say_alike() {
        let (day, none) = (wishes(Some(DAY), true), Wishes::default());
        assert_eq!(Wishes::of_index(none, [day, day]), day);
        assert_eq!(Wishes::of_index(none, [day, none]), none);
        assert_eq!(Wishes::of_index(none, [day, wishes(Some(2 * DAY), true)]), wishes(None, true));
        assert_eq!(Wishes::of_index(none, []), none);
        assert_eq!(Wishes::of_index(wishes(Some(2 * DAY), false), [day]), wishes(Some(2 * DAY), true));
    }

    #[test]
    fn siblings_are_known_by_their_names() {
        let digest = Digest::sha256(b"");
        let names: Vec<_> = siblings_of(&digest).collect();
        assert_eq!(names.len(), 3);
        assert!(names.iter().all(is_sibling));
        assert_eq!(names[0].as_str(), format!("sha256-{}.sig", digest.hex()));
        assert_eq!(siblings_of(&crate::Algorithm::Sha512.digest(b"")).count(), 0);
        for name in [
            "latest",
            &format!("sha256-{}", digest.hex()),
            "sha256-00.sig",
            &format!("sha256-{}.sig", digest.hex().to_uppercase()),
        ] {
            assert!(!is_sibling(&name.parse().expect("a tag")), "{name}");
        }
    }
}
