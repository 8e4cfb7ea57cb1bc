//! How Quay's API writes: JSON in ASCII, with a newline at the end.

use std::io::{self, Write};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use utoipa::ToSchema;
use wharfinger_model::{Algorithm, QuayDate, Rfc3339, Timestamp};

use crate::auth::SESSION_COOKIE;
use crate::serve::Scheme;

/// How long a browser keeps a session's cookie, in seconds.
const SESSION_S: u32 = 31 * 24 * 3600;

/// A JSON document as an answer.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Response {
    let mut body = match text(document) {
        Ok(body) => body,
        Err(error) => {
            let id = crate::problem::report(&error);
            let body = format!("{{\"message\":\"internal error {id}\"}}\n");
            return (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, "application/json")], body)
                .into_response();
        }
    };
    body.push('\n');
    let headers = [(CONTENT_TYPE, "application/json"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, Body::from(body)).into_response()
}

/// The text of a JSON document, without the newline at its end.
///
/// # Errors
/// What can't be written as JSON.
pub(crate) fn text(document: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::with_capacity(256);
    document.serialize(&mut Serializer::with_formatter(&mut bytes, Ascii))?;
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// The same for an answer that may hold a secret, which nobody on the way may keep.
pub(crate) fn secret(status: StatusCode, document: &impl Serialize) -> Response {
    let mut response = json(status, document);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a success answers that has nothing to tell.
pub(crate) fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Compact JSON in which everything outside ASCII is escaped, as UTF-16.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| !c.is_ascii()) {
            let (plain, foreign) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let end = foreign.find(|c: char| c.is_ascii()).unwrap_or(foreign.len());
            let (foreign, behind) = foreign.split_at(end);
            for unit in foreign.encode_utf16() {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = behind;
        }
        writer.write_all(rest.as_bytes())
    }
}

/// An instant as the API writes it.
pub(crate) fn date(instant: Timestamp) -> String {
    QuayDate(instant).to_string()
}

/// An instant as the API writes those of access tokens: ISO 8601 with microseconds, if there are any.
pub(super) fn iso(instant: Timestamp) -> String {
    let text = Rfc3339(instant).to_string();
    match text.strip_suffix(".000Z") {
        Some(whole) => format!("{whole}Z"),
        None => text.replace('Z', "000Z"),
    }
}

/// The absolute name of a type of error.
pub(crate) fn error_type_url(base: &str, error_type: &str) -> String {
    format!("{base}/api/v1/error/{error_type}")
}

/// Sets the cookie of a browser's session, for use over `scheme`. The answer holds a secret then, so nobody may keep it.
pub(crate) fn set_session(response: &mut Response, cookie: &str, scheme: Scheme) {
    let secure = if scheme == Scheme::Https { "; Secure" } else { "" };
    let value =
        format!("{SESSION_COOKIE}={cookie}; Path=/; Max-Age={SESSION_S}; HttpOnly; SameSite=Lax{secure}");
    match HeaderValue::try_from(value) {
        Ok(value) => {
            response.headers_mut().append(SET_COOKIE, value);
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        Err(error) => drop(crate::problem::report(&error)),
    }
}

/// Whether somebody of this name is a robot, and what is drawn for them: only a robot's name holds a plus.
pub(super) fn somebody(name: &str) -> (bool, Avatar) {
    let is_robot = name.contains('+');
    let kind = if is_robot { AvatarKind::Robot } else { AvatarKind::User };
    (is_robot, Avatar::new(kind, name, None))
}

/// That something was done.
#[derive(Serialize, ToSchema)]
#[schema(as = Success)]
pub(super) struct Done {
    /// True.
    success: bool,
}

impl Done {
    /// It was.
    pub(super) const DONE: Self = Self { success: true };
}

/// The name of a policy.
#[derive(Serialize, ToSchema)]
pub(super) struct PolicyId<'a> {
    pub(super) uuid: &'a str,
}

/// Members by their names, in an order of their own.
pub(super) struct Named<T>(pub(super) Vec<(String, T)>);

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// What is drawn for somebody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Avatar {
    name: String,
    /// SHA-256 of the e-mail address, or else of the name, in hexadecimal.
    hash: String,
    /// As in `#2bd806`.
    color: String,
    kind: AvatarKind,
}

/// For whom an avatar is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AvatarKind {
    /// A person.
    User,
    /// A machine's login.
    Robot,
    /// An organization.
    Org,
    /// An OAuth 2 application.
    App,
    /// A team.
    Team,
}

impl Avatar {
    /// The avatar of whoever has this name, drawn by the e-mail address where that is known.
    pub(crate) fn new(kind: AvatarKind, name: &str, email: Option<&str>) -> Self {
        let seed = email.filter(|email| !email.is_empty()).unwrap_or(name).to_lowercase();
        let digest = Algorithm::Sha256.digest(seed.as_bytes());
        let hash = digest.as_str().split_once(':').map_or("", |(_, hex)| hex).to_owned();
        let color = format!("#{}", hash.get(..6).unwrap_or("888888"));
        Self { name: name.to_owned(), hash, color, kind }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use http_body_util::BodyExt as _;
    use serde_json::json;

    use super::*;

    async fn written(document: serde_json::Value) -> String {
        let body = json(StatusCode::OK, &document).into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn everything_outside_ascii_is_escaped_as_utf_16() {
        let document = json!({"ä": "a\u{7f}ñ\"\n€😀z"});
        let expected = "{\"\\u00e4\":\"a\u{7f}\\u00f1\\\"\\n\\u20ac\\ud83d\\ude00z\"}\n";
        assert_eq!(written(document).await, expected);
    }

    #[tokio::test]
    async fn scalars_are_documents_and_end_with_one_newline() {
        assert_eq!(written(json!("Updated")).await, "\"Updated\"\n");
        assert_eq!(written(json!({})).await, "{}\n");
    }

    #[test]
    fn an_avatar_is_drawn_by_the_address_whatever_its_case_or_else_by_the_name() {
        let by = |email| serde_json::to_value(Avatar::new(AvatarKind::User, "Alice", email)).unwrap();
        assert_eq!(by(Some("A@example.com")), by(Some("a@example.com")));
        assert_eq!(
            by(None),
            json!({
                "name": "Alice",
                "hash": "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90",
                "color": "#2bd806",
                "kind": "user",
            })
        );
    }

    #[test]
    fn an_instant_of_a_token_has_a_fraction_only_if_it_is_not_zero() {
        for (ms, text) in [(120, "2026-08-03T09:05:07.120000Z"), (0, "2026-08-03T09:05:07Z")] {
            assert_eq!(iso(Timestamp::from_ms(1_785_747_907_000 + ms)), text);
        }
    }

    #[test]
    fn a_sessions_cookie_is_secure_where_the_registry_is() {
        for (scheme, secure) in [(Scheme::Https, true), (Scheme::Http, false)] {
            let mut response = no_content();
            set_session(&mut response, "abc", scheme);
            let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
            let plain = "_csrf_token=abc; Path=/; Max-Age=2678400; HttpOnly; SameSite=Lax";
            assert!(cookie.starts_with(plain), "{cookie}");
            assert_eq!(cookie.ends_with("; Secure"), secure, "{cookie}");
        }
    }
}
