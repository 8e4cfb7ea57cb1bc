//! A browser: it keeps a cookie, and sends what proves that it is on a page of ours.

use serde_json::{Value, json};

use super::{Answer, Call, Server};

/// A browser on a registry.
pub(crate) struct Browser<'a> {
    server: &'a Server,
    /// The cookie, as it is sent.
    pub(crate) cookie: String,
    /// What is repeated with every write.
    pub(crate) csrf: String,
}

impl<'a> Browser<'a> {
    /// One in which nobody is signed in.
    pub(crate) fn open(server: &'a Server) -> Self {
        let answer = server.call("GET", "/csrf_token").header("x-requested-with", "XMLHttpRequest").send();
        let csrf = answer.json()["csrf_token"].as_str().unwrap().to_owned();
        let mut browser = Self { server, cookie: String::new(), csrf };
        browser.keep(&answer);
        browser
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.server.call("GET", path).header("cookie", &self.cookie).send()
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body))
    }

    /// Any request, as a page makes it that knows the CSRF token.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let call = self.server.call(method, path).header("cookie", &self.cookie);
        let call = call.header("x-csrf-token", &self.csrf);
        let answer = body.into_iter().fold(call, Call::json).send();
        self.keep(&answer);
        answer
    }

    pub(crate) fn sign_in(&mut self, user: &str, password: &str) -> Answer {
        self.post("/api/v1/signin", &json!({"username": user, "password": password}))
    }

    fn keep(&mut self, answer: &Answer) {
        if let Some(cookie) = answer.header("set-cookie") {
            cookie.split(';').next().unwrap().clone_into(&mut self.cookie);
        }
        if let Some(csrf) = answer.header("x-next-csrf-token") {
            csrf.clone_into(&mut self.csrf);
        }
    }
}
