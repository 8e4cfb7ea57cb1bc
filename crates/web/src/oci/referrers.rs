//! `/v2/<name>/referrers/<digest>`.

use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, LINK};
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{Map, Value};
use wharfinger_model::manifest::media_type::OCI_INDEX;
use wharfinger_model::{Digest, RepositoryName};
use wharfinger_registry::manifests::{self, MAX_REFERRERS, Referrer, Referrers, ReferrersQuery};

use super::Call;
use super::page::Page;
use crate::problem::oci::Problem;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
/// The one filter there is.
const ARTIFACT_TYPE: &str = "artifactType";
/// Characters of the longest media type (RFC 6838, section 4.2): two names of 127 and the slash.
const LONGEST_TYPE: usize = 255;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: Digest,
    size: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Map<String, Value>>,
}

impl From<Referrer> for Descriptor {
    fn from(referrer: Referrer) -> Self {
        let Referrer { digest, media_type, size, artifact_type, annotations } = referrer;
        let annotations = annotations.and_then(|text| serde_json::from_str(&text).ok());
        Self { media_type, digest, size, artifact_type, annotations }
    }
}

pub(super) async fn handle(
    call: &Call<'_>,
    name: &RepositoryName,
    subject: &Digest,
) -> Result<Response, Problem> {
    call.only_reads()?;
    let page = Page::of(call, MAX_REFERRERS);
    let filter = filter(call.parts.uri.query().unwrap_or_default());
    let query = ReferrersQuery { artifact_type: filter.clone(), last: page.last.clone(), n: page.n };
    let referrers = manifests::referrers(call.registry, &call.caller, name, subject, query).await?;
    let last = referrers.manifests.last().filter(|_| referrers.more).map(|last| last.digest.clone());
    let mut response = axum::Json(Index::from(referrers)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(OCI_INDEX));
    if filter.is_some() {
        headers.insert(FILTERS_APPLIED, HeaderValue::from_static(ARTIFACT_TYPE));
    }
    if let Some(last) = last {
        let filters: Vec<_> = filter.iter().map(|wanted| (ARTIFACT_TYPE, wanted.as_str())).collect();
        let path = format!("/v2/{name}/referrers/{subject}");
        headers.insert(LINK, page.next(&path, last.as_str(), &filters));
    }
    Ok(response)
}

/// The type that is asked for. What can be no media type is not filtered by, nor are several: then the answer has
/// everything and says of no filter that it was applied, so that the client sees to it itself.
fn filter(query: &str) -> Option<String> {
    let mut wanted = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == ARTIFACT_TYPE);
    let (_, only) = wanted.next().filter(|_| wanted.next().is_none())?;
    let valid = (1..=LONGEST_TYPE).contains(&only.len()) && !only.contains('\0');
    valid.then(|| only.into_owned())
}

impl From<Referrers> for Index {
    fn from(referrers: Referrers) -> Self {
        let manifests = referrers.manifests.into_iter().map(Descriptor::from).collect();
        Self { schema_version: 2, media_type: OCI_INDEX, manifests }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn referrer(artifact_type: Option<&str>, annotations: Option<&str>) -> Referrer {
        Referrer {
            digest: Digest::sha256(b""),
            media_type: "m".into(),
            size: 3,
            artifact_type: artifact_type.map(str::to_owned),
            annotations: annotations.map(str::to_owned),
        }
    }

    #[test]
    fn what_a_referrer_does_not_have_is_left_out() {
        let manifests = vec![referrer(None, None), referrer(Some("t"), Some(r#"{"a":"b"}"#))];
        let digest = Digest::sha256(b"");
        assert_eq!(
            json!(Index::from(Referrers { manifests, more: false })),
            json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
                {"mediaType": "m", "digest": digest, "size": 3},
                {"mediaType": "m", "digest": digest, "size": 3, "artifactType": "t", "annotations": {"a": "b"}},
            ]})
        );
    }

    #[test]
    fn one_type_is_filtered_by_and_nothing_else() {
        assert_eq!(filter("n=1&artifactType=a%2Fb%2Bc"), Some("a/b+c".to_owned()));
        let longest = "x".repeat(LONGEST_TYPE);
        assert_eq!(filter(&format!("artifactType={longest}")), Some(longest.clone()));
        for query in [
            "",
            "artifactType",
            "artifactType=",
            "artifacttype=a",
            "artifactType=a&artifactType=b",
            "artifactType=a%00b",
            &format!("artifactType={longest}x"),
        ] {
            assert_eq!(filter(query), None, "{query}");
        }
    }
}
