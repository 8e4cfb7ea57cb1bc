//! `/v2/<name>/referrers/<digest>`.

use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method};
use serde::Serialize;
use serde_json::{Map, Value};
use wharfinger_model::manifest::media_type::OCI_INDEX;
use wharfinger_model::{Digest, RepositoryName};
use wharfinger_registry::manifests::{self, Referrer};

use super::Call;
use crate::problem::oci::Problem;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
/// The one filter there is.
const ARTIFACT_TYPE: &str = "artifactType";

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
    if !matches!(call.parts.method, Method::GET | Method::HEAD) {
        return Err(Problem::method_not_allowed("GET, HEAD"));
    }
    let referrers = manifests::referrers(call.registry, &call.caller, name, subject).await?;
    let filter = call.query(ARTIFACT_TYPE).filter(|wanted| !wanted.is_empty());
    let index = list(referrers, filter.as_deref());
    let mut response = axum::Json(index).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(OCI_INDEX));
    if filter.is_some() {
        headers.insert(FILTERS_APPLIED, HeaderValue::from_static(ARTIFACT_TYPE));
    }
    Ok(response)
}

/// The index of all referrers of the wanted type, or of all when none is named.
fn list(referrers: Vec<Referrer>, wanted: Option<&str>) -> Index {
    let fits = |referrer: &Referrer| wanted.is_none() || referrer.artifact_type.as_deref() == wanted;
    let manifests = referrers.into_iter().filter(fits).map(Descriptor::from).collect();
    Index { schema_version: 2, media_type: OCI_INDEX, manifests }
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
        let all = vec![referrer(None, None), referrer(Some("t"), Some(r#"{"a":"b"}"#))];
        let digest = Digest::sha256(b"");
        assert_eq!(
            json!(list(all, None)),
            json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
                {"mediaType": "m", "digest": digest, "size": 3},
                {"mediaType": "m", "digest": digest, "size": 3, "artifactType": "t", "annotations": {"a": "b"}},
            ]})
        );
    }

    #[test]
    fn only_the_wanted_type_is_listed() {
        let types = |wanted| {
            let all = vec![referrer(None, None), referrer(Some("t"), None), referrer(Some("u"), None)];
            list(all, wanted).manifests.into_iter().map(|listed| listed.artifact_type).collect::<Vec<_>>()
        };
        assert_eq!(types(Some("t")), [Some("t".to_owned())]);
        assert_eq!(types(None).len(), 3);
        assert_eq!(types(Some("x")).len(), 0);
    }
}
