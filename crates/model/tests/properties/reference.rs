//! A case is a text that is read as everything that a path can hold, and as a path of both APIs.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::LazyLock;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use wharfinger_model::path::oci;
use wharfinger_model::path::quay::{Found, Parameters, Paths};
use wharfinger_model::{Digest, Namespace, Reference, RepositoryName, TagName};

pub(crate) fn holds(case: &[u8]) {
    let Ok(text) = str::from_utf8(case) else { return };
    let text = text.strip_suffix('\n').unwrap_or(text);
    let tag = prints_as_itself::<TagName>(text);
    let digest = prints_as_itself::<Digest>(text);
    let reference = prints_as_itself::<Reference>(text);
    assert_eq!(reference, tag.map(Reference::Tag).or(digest.clone().map(Reference::Digest)));
    prints_as_itself::<Namespace>(text);
    if let Some(digest) = digest {
        assert_eq!(text, format!("{}:{}", digest.algorithm().as_str(), digest.hex()));
        assert_eq!(digest.hex().len(), digest.algorithm().hex_len());
    }
    if let Ok(name) = text.parse() {
        a_repository_is_where_its_name_says(text, &name);
    }
    if let Ok(path) = oci::parse(text) {
        assert_eq!(oci::parse(&of_the_distribution_api(&path)), Ok(path));
    }
    if let Some((template, parameters)) = of_quay(text) {
        let repository = parameters.get("repository").unwrap_or("no/repository");
        assert!(repository.contains('/') && repository.split('/').all(|it| !it.is_empty()), "{parameters:?}");
        let printed = of_quays_api(template, &parameters);
        let again = of_quay(&printed).expect("what was printed leads somewhere");
        assert_eq!((again.0, &of_quays_api(again.0, &again.1)), (template, &printed));
    }
}

fn prints_as_itself<T: FromStr + Display>(text: &str) -> Option<T> {
    let value = text.parse::<T>().ok()?;
    assert_eq!(value.to_string(), text);
    Some(value)
}

fn a_repository_is_where_its_name_says(text: &str, name: &RepositoryName) {
    assert_eq!(name.as_str(), if text.contains('/') { text.to_owned() } else { format!("library/{text}") });
    assert_eq!(name.as_str().parse().as_ref(), Ok(name));
    assert_eq!(RepositoryName::new(name.namespace(), name.name()).as_ref(), Ok(name));
    assert!(name.as_str().len() <= 255 && !name.as_str().contains(".."));
}

/// A path below `/v2/`, as the registry writes it into `Location` and `Link`.
fn of_the_distribution_api(path: &oci::Path) -> String {
    use oci::Path;
    match path {
        Path::Base => String::new(),
        Path::Catalog => "_catalog".to_owned(),
        Path::Tags(name) => format!("{name}/tags/list"),
        Path::Manifest(name, reference) => format!("{name}/manifests/{reference}"),
        Path::Blob(name, digest) => format!("{name}/blobs/{digest}"),
        Path::Uploads(name) => format!("{name}/blobs/uploads/"),
        Path::Upload(name, id) => format!("{name}/blobs/uploads/{}", segment(id)),
        Path::Referrers(name, digest) => format!("{name}/referrers/{digest}"),
        Path::TagHistory(name, tag) => format!("{name}/_oci/tag-history/{tag}"),
        Path::Extensions(None) => "_oci/ext/discover".to_owned(),
        Path::Extensions(Some(name)) => format!("{name}/_oci/ext/discover"),
    }
}

/// Paths of Quay's API of every shape.
static QUAY: LazyLock<Paths<&'static str>> = LazyLock::new(|| {
    let templates = [
        "repository",
        "repository/{repository}",
        "repository/{repository}/changevisibility",
        "repository/{repository}/tag/",
        "repository/{repository}/tag/{tag}",
        "repository/{repository}/tag/{tag}/restore",
        "repository/{repository}/manifest/{manifestref}",
        "repository/{repository}/manifest/{manifestref}/labels/{labelid}",
        "repository/{repository}/permissions/user/",
        "repository/{repository}/permissions/user/{username}",
        "repository/{repository}/autoprunepolicy/{policy_uuid}",
        "repository/{repository}/autoprunepolicy/preview",
        "organization/{orgname}/team/{teamname}/members/{membername}",
        "user/starred/{repository}",
    ];
    Paths::new(templates.map(|template| (template, template)))
});

/// The template of a path below `/api/v1/`, and its parameters. A case is also tried as a repository and what is below.
fn of_quay(text: &str) -> Option<(&'static str, Parameters)> {
    match QUAY.find(text).or_else(|| QUAY.find(&format!("repository/{text}")))? {
        Found::Resource { resource, parameters, .. } => Some((resource, parameters)),
        Found::MissingSlash => None,
    }
}

/// A path below `/api/v1/`. The repository is one segment: it may end like a resource.
fn of_quays_api(template: &str, parameters: &Parameters) -> String {
    let printed = template.split('/').map(|part| {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        name.and_then(|name| parameters.get(name)).map_or_else(|| part.to_owned(), segment)
    });
    printed.collect::<Vec<_>>().join("/")
}

fn segment(text: &str) -> String {
    let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    assert_eq!(percent_decode_str(&encoded).decode_utf8().as_deref(), Ok(text));
    encoded
}
