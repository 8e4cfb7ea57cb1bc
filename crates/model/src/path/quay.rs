//! Paths of Quay's API: templates as its guide writes them, and how one is found for a request.

use std::collections::HashMap;

/// A path with parameters in braces, as in `repository/{repository}/tag/{tag}`.
///
/// A parameter is one segment, and not empty. Two are special, as in Quay: `{repository}` is `namespace/name`, any
/// number of segments from two, and `{manifestref}` is only what looks like a digest.
#[derive(Debug)]
struct Template {
    /// What stands before the repository, or everything.
    head: Vec<Part>,
    /// What stands behind the repository; `None` without one.
    tail: Option<Vec<Part>>,
}

/// One segment of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Literal(&'static str),
    Parameter(&'static str),
    Digest(&'static str),
}

/// How closely the parameters of a template are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// As they have to be.
    Strict,
    /// As if any text were a digest.
    Lax,
}

const REPOSITORY: &str = "{repository}";

impl Template {
    fn new(text: &'static str) -> Self {
        let mut segments = text.split('/');
        let head = segments.by_ref().take_while(|segment| *segment != REPOSITORY).map(Part::new).collect();
        // Without a repository there was nothing left to take.
        let tail = text.split('/').any(|segment| segment == REPOSITORY);
        Self { head, tail: tail.then(|| segments.map(Part::new).collect()) }
    }

    /// The same without its closing slash; `None` if it has none.
    fn unclosed(text: &'static str) -> Option<Self> {
        text.strip_suffix('/').map(Self::new)
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.head.iter().chain(self.tail.iter().flatten())
    }

    /// Which of the templates that fit a path is meant: the one with the most of it spelled out.
    fn exactness(&self) -> (usize, usize) {
        let literals = self.parts().filter(|part| matches!(part, Part::Literal(_))).count();
        (self.parts().count(), literals)
    }

    /// Whether it is a repository itself, and so fits whatever has a repository's name.
    fn is_whole_repository(&self) -> bool {
        self.tail.as_ref().is_some_and(Vec::is_empty)
    }

    fn fits(&self, segments: &[String], look: Look) -> Option<Parameters> {
        let mut values = Vec::new();
        match &self.tail {
            None => take(&self.head, segments, look, &mut values)?,
            Some(tail) => {
                let (head, rest) = segments.split_at_checked(self.head.len())?;
                let (repository, end) = rest.split_at_checked(rest.len().checked_sub(tail.len())?)?;
                take(tail, end, look, &mut values)?;
                take(&self.head, head, look, &mut values)?;
                values.push(("repository", whole(repository)?));
            }
        }
        Some(Parameters(values))
    }
}

impl Part {
    fn new(segment: &'static str) -> Self {
        match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            None => Self::Literal(segment),
            Some("manifestref") => Self::Digest("manifestref"),
            Some(name) => Self::Parameter(name),
        }
    }
}

/// Takes the parameters out of segments that fit the parts one by one.
fn take(
    parts: &[Part],
    segments: &[String],
    look: Look,
    values: &mut Vec<(&'static str, String)>,
) -> Option<()> {
    if parts.len() != segments.len() {
        return None;
    }
    // What differs most stands last.
    for (part, segment) in parts.iter().zip(segments).rev() {
        match part {
            Part::Literal(literal) if literal == segment => {}
            Part::Parameter(name) if !segment.is_empty() => values.push((*name, segment.clone())),
            Part::Digest(name) if is_digest_like(segment) || (look == Look::Lax && !segment.is_empty()) => {
                values.push((*name, segment.clone()));
            }
            _ => return None,
        }
    }
    Some(())
}

/// The name that the segments are, if it has two at least. An encoded slash parts a name as well.
fn whole(segments: &[String]) -> Option<String> {
    let name = segments.join("/");
    (name.contains('/') && name.split('/').all(|segment| !segment.is_empty())).then_some(name)
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

/// The parameters of a path, decoded. Whoever uses them checks them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    /// The parameter with this name; `None` if the template has none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|(known, value)| (*known == name).then_some(value.as_str()))
    }
}

/// All templates, each of which leads to a `T`.
#[derive(Debug)]
pub struct Paths<T> {
    /// By the first segment, which is a literal in all of them; the most exact first.
    routes: HashMap<&'static str, Vec<Route<T>>>,
}

#[derive(Debug)]
struct Route<T> {
    template: Template,
    /// `None` where only the closing slash is missing.
    resource: Option<T>,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a, T> {
    /// To something.
    Resource {
        /// What its template leads to.
        resource: &'a T,
        /// What its template left open.
        parameters: Parameters,
        /// It was taken for a repository, but rather asks for a manifest by what is no digest.
        stray: bool,
    },
    /// To a list that was asked for without its closing slash.
    MissingSlash,
}

impl<T> Paths<T> {
    /// Reads the templates, each of which is given once.
    pub fn new(templates: impl IntoIterator<Item = (&'static str, T)>) -> Self {
        let mut routes: HashMap<_, Vec<_>> = HashMap::new();
        for (text, resource) in templates {
            let group = routes.entry(text.split('/').next().unwrap_or_default()).or_default();
            let unclosed = Template::unclosed(text).map(|template| Route { template, resource: None });
            group.push(Route { template: Template::new(text), resource: Some(resource) });
            group.extend(unclosed);
        }
        for group in routes.values_mut() {
            // A resource that has no slash comes before a list that lacks one.
            group.sort_by_key(|route| {
                (std::cmp::Reverse(route.template.exactness()), route.resource.is_none())
            });
        }
        Self { routes }
    }

    /// Reads what follows `/api/v1/` in a request's raw path. The longest literal ending wins, so `a/tag/tag/x` is the
    /// tag `x` of the repository `a/tag`. `None` if it leads nowhere.
    pub fn find(&self, raw: &str) -> Option<Found<'_, T>> {
        let segments = super::segments(raw)?;
        let group = self.routes.get(segments.first()?.as_str())?;
        let (route, parameters) =
            group.iter().find_map(|route| Some((route, route.template.fits(&segments, Look::Strict)?)))?;
        let Some(resource) = &route.resource else { return Some(Found::MissingSlash) };
        let stray = route.template.is_whole_repository()
            && group
                .iter()
                .filter(|other| !other.template.is_whole_repository())
                .any(|other| other.template.fits(&segments, Look::Lax).is_some());
        Some(Found::Resource { resource, parameters, stray })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATES: &[&str] = &[
        "repository",
        "repository/{repository}",
        "repository/{repository}/changevisibility",
        "repository/{repository}/tag/",
        "repository/{repository}/tag/{tag}",
        "repository/{repository}/tag/{tag}/restore",
        "repository/{repository}/tag/{tag}/pull_statistics",
        "repository/{repository}/manifest/{manifestref}",
        "repository/{repository}/manifest/{manifestref}/labels",
        "repository/{repository}/manifest/{manifestref}/labels/{labelid}",
        "repository/{repository}/manifest/{manifestref}/pull_statistics",
        "repository/{repository}/permissions/user/",
        "repository/{repository}/permissions/user/{username}",
        "repository/{repository}/logs",
        "repository/{repository}/autoprunepolicy/",
        "repository/{repository}/autoprunepolicy/{policy_uuid}",
        "repository/{repository}/autoprunepolicy/preview",
        "organization/",
        "organization/{orgname}",
        "organization/{orgname}/logs",
        "organization/{orgname}/autoprunepolicy/",
        "organization/{orgname}/autoprunepolicy/{policy_uuid}",
        "user/",
        "user/autoprunepolicy/",
        "user/autoprunepolicy/{policy_uuid}",
        "user/starred/{repository}",
    ];

    fn paths() -> Paths<&'static str> {
        Paths::new(TEMPLATES.iter().map(|text| (*text, *text)))
    }

    /// Template and parameters, in the order of their names, or that a slash is missing.
    fn read(raw: &str) -> Option<(&'static str, Vec<(&'static str, String)>)> {
        match paths().find(raw)? {
            Found::Resource { resource, mut parameters, .. } => {
                parameters.0.sort();
                Some((resource, parameters.0))
            }
            Found::MissingSlash => Some(("slash", Vec::new())),
        }
    }

    fn of_repository(raw: &str) -> Option<(&'static str, String, Option<String>)> {
        let (template, mut values) = read(&format!("repository/{raw}"))?;
        let at = values.iter().position(|(name, _)| *name == "repository");
        let repository = at.map(|at| values.remove(at).1).unwrap_or_default();
        let template = template.strip_prefix("repository/{repository}").unwrap_or(template);
        Some((template, repository, values.pop().map(|(_, value)| value)))
    }

    #[test]
    fn the_longest_literal_ending_wins() {
        for (raw, template, repository, parameter) in [
            ("a/b", "", "a/b", None),
            ("a/b/tag/", "/tag/", "a/b", None),
            ("a/b/tag", "slash", "", None),
            ("a/tag", "", "a/tag", None),
            ("a/b/tag/x", "/tag/{tag}", "a/b", Some("x")),
            ("a/b/tag/logs", "/tag/{tag}", "a/b", Some("logs")),
            ("a/b/tag/autoprunepolicy", "/tag/{tag}", "a/b", Some("autoprunepolicy")),
            ("a/tag/tag/x", "/tag/{tag}", "a/tag", Some("x")),
            ("a/tag/tag/restore", "/tag/{tag}", "a/tag", Some("restore")),
            ("a/b/tag/x/restore", "/tag/{tag}/restore", "a/b", Some("x")),
            ("a/b/c/tag/x/pull_statistics", "/tag/{tag}/pull_statistics", "a/b/c", Some("x")),
            (
                "a/b/manifest/sha256:00/pull_statistics",
                "/manifest/{manifestref}/pull_statistics",
                "a/b",
                Some("sha256:00"),
            ),
            ("a/b/manifest/latest/pull_statistics", "", "a/b/manifest/latest/pull_statistics", None),
            ("a/b/manifest/sha256:00", "/manifest/{manifestref}", "a/b", Some("sha256:00")),
            ("a/b/manifest/sha256:00/labels", "/manifest/{manifestref}/labels", "a/b", Some("sha256:00")),
            ("a/b/manifest/latest/labels", "", "a/b/manifest/latest/labels", None),
            ("a/manifest/sha256:00", "", "a/manifest/sha256:00", None),
            ("a/b/permissions/user/", "/permissions/user/", "a/b", None),
            ("a/b/permissions/user", "slash", "", None),
            ("a/b/permissions/user/al", "/permissions/user/{username}", "a/b", Some("al")),
            ("a/b/changevisibility", "/changevisibility", "a/b", None),
            ("a/b/logs", "/logs", "a/b", None),
            ("a/logs", "", "a/logs", None),
            ("a/b/autoprunepolicy/", "/autoprunepolicy/", "a/b", None),
            ("a/b/autoprunepolicy", "slash", "", None),
            ("a/b/autoprunepolicy/x-1", "/autoprunepolicy/{policy_uuid}", "a/b", Some("x-1")),
            ("a/b/autoprunepolicy/preview", "/autoprunepolicy/preview", "a/b", None),
            ("a/autoprunepolicy", "", "a/autoprunepolicy", None),
        ] {
            let expected = (template, repository.to_owned(), parameter.map(str::to_owned));
            assert_eq!(of_repository(raw), Some(expected), "{raw}");
        }
        let (digest, label) = ("sha256:00".to_owned(), "x".to_owned());
        assert_eq!(
            read("repository/a/b/manifest/sha256:00/labels/x"),
            Some((
                "repository/{repository}/manifest/{manifestref}/labels/{labelid}",
                vec![("labelid", label), ("manifestref", digest), ("repository", "a/b".into())],
            ))
        );
    }

    #[test]
    fn encoded_slashes_part_a_repository_but_stay_inside_a_tag() {
        let tag = |repository: &str, tag: &str| Some(("/tag/{tag}", repository.into(), Some(tag.into())));
        assert_eq!(of_repository("a%2Fb/tag/x"), tag("a/b", "x"));
        assert_eq!(of_repository("a/b/tag/x%2Fy"), tag("a/b", "x/y"));
        assert_eq!(of_repository("a/b/tag/x%252Fy"), tag("a/b", "x%2Fy"));
        assert_eq!(of_repository("a%2F/tag/x"), None);
        assert_eq!(of_repository("a/b/tag/%FF"), None);
    }

    #[test]
    fn policies_lie_below_organizations_and_ones_own_user() {
        for (raw, template) in [
            ("acme", "organization/{orgname}"),
            ("acme/autoprunepolicy/", "organization/{orgname}/autoprunepolicy/"),
            ("acme/autoprunepolicy", "slash"),
            ("acme/autoprunepolicy/x-1", "organization/{orgname}/autoprunepolicy/{policy_uuid}"),
        ] {
            assert_eq!(read(&format!("organization/{raw}")).map(|(found, _)| found), Some(template), "{raw}");
        }
        for (raw, template) in [
            ("user/", "user/"),
            ("user", "slash"),
            ("organization", "slash"),
            ("organization/", "organization/"),
            ("user/autoprunepolicy", "slash"),
            ("user/autoprunepolicy/x", "user/autoprunepolicy/{policy_uuid}"),
            ("user/starred/a/b/tag/x", "user/starred/{repository}"),
        ] {
            assert_eq!(read(raw).map(|(found, _)| found), Some(template), "{raw}");
        }
        for raw in ["/autoprunepolicy/", "acme/", "acme/autoprunepolicy/x/y", "acme/nothing"] {
            assert_eq!(read(&format!("organization/{raw}")), None, "{raw}");
        }
        assert_eq!(read("user/immutabilitypolicy"), None);
    }

    #[test]
    fn one_segment_and_empty_segments_lead_nowhere() {
        for raw in ["", "a", "a/", "/b", "a//b", "a/b/", "a/b/manifest/sha256:00/", "a/b/tag//restore"] {
            assert_eq!(of_repository(raw), None, "{raw}");
        }
        for raw in ["", "/", "nothing", "/repository/a/b"] {
            assert_eq!(read(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_tag_where_a_digest_belongs_is_seen() {
        let paths = paths();
        let stray = |raw: &str| {
            let found = paths.find(&format!("repository/{raw}"));
            matches!(found, Some(Found::Resource { stray: true, .. }))
        };
        for rest in ["latest", "latest/labels", "latest/labels/x"] {
            assert!(stray(&format!("acme/web/manifest/{rest}")), "{rest}");
            assert!(!stray(&format!("acme/manifest/{rest}")), "{rest}");
        }
        assert!(stray("acme/web/manifest/latest/pull_statistics"));
        assert!(stray("acme/web/manifest/sha256:xyz/pull_statistics"));
        assert!(!stray("acme/manifest/latest/pull_statistics"));
        assert!(!stray("acme/web/manifest/sha256:00/pull_statistics"));
        assert!(!stray("acme/web/manifest/tag/labels"));
    }
}
