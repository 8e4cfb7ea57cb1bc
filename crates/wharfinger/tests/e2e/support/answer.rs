//! One request and everything that came back.

use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder};
use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Asserts the status and the whole body, as JSON.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: Value) {
        assert_eq!(
            (self.status, self.header("content-type")),
            (status, Some("application/json")),
            "{self:?}"
        );
        assert_eq!(self.json(), body);
        assert!(
            self.body.ends_with(b"\n") && !self.body.ends_with(b"\n\n"),
            "one newline at the end: {self:?}"
        );
    }

    /// Asserts the status and that nothing else came.
    #[track_caller]
    pub(crate) fn is_empty(&self, status: u16) {
        assert_eq!((self.status, self.text().as_str()), (status, ""), "{self:?}");
    }

    /// Asserts an error of Quay's API in its usual shape, byte for byte in what it says.
    #[track_caller]
    pub(crate) fn is_problem(&self, base: &str, status: u16, kind: &str, detail: &str) {
        self.is(
            status,
            serde_json::json!({
                "detail": detail, "error_message": detail, "error_type": kind, "title": kind,
                "type": format!("{base}/api/v1/error/{kind}"), "status": status,
            }),
        );
    }

    /// Asserts an error of the distribution API by its code.
    #[track_caller]
    pub(crate) fn is_oci_error(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        assert_eq!(errors.len(), 1, "{self:?}");
        assert_eq!(errors[0]["code"], code, "{self:?}");
        assert!(errors[0]["message"].is_string(), "{self:?}");
    }
}

/// A request that is being put together.
pub(crate) struct Call(RequestBuilder);

impl Call {
    pub(crate) fn new(client: &Client, method: &str, url: &str) -> Self {
        Self(client.request(Method::from_bytes(method.as_bytes()).unwrap(), url))
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        Self(self.0.bearer_auth(token))
    }

    pub(crate) fn basic(self, user: &str, password: &str) -> Self {
        Self(self.0.basic_auth(user, Some(password)))
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    pub(crate) fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self(self.0.header("content-type", content_type).body(body.into()))
    }

    /// Sends the body in pieces whose number the server is not told.
    pub(crate) fn streamed(self, body: impl Into<Vec<u8>>) -> Self {
        Self(self.0.body(reqwest::blocking::Body::new(std::io::Cursor::new(body.into()))))
    }

    pub(crate) fn send(self) -> Answer {
        self.try_send().unwrap()
    }

    /// `Err` when no whole answer came, as from a server that was killed.
    pub(crate) fn try_send(self) -> reqwest::Result<Answer> {
        let response = self.0.send()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes()?.to_vec() })
    }
}
