//! An OIDC issuer that is served over HTTP by the test itself.

#[path = "../../../../registry/tests/support/issuer.rs"]
mod signing;

use std::collections::HashMap;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::asked::Asked;

pub(crate) use signing::{Issuer, thumbprint};

/// An issuer at a free port of loopback, until the test ends.
pub(crate) struct ServedIssuer {
    issuer: Arc<Issuer>,
    codes: Arc<Mutex<HashMap<String, Exchange>>>,
}

/// What a code is exchanged for, and what must be shown for it.
pub(crate) struct Exchange {
    pub(crate) authorization: String,
    pub(crate) challenge: String,
    pub(crate) redirect_uri: String,
    pub(crate) id_token: String,
}

impl ServedIssuer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = Arc::new(Issuer::new(&format!("http://{}", listener.local_addr().unwrap())));
        let codes: Arc<Mutex<HashMap<String, Exchange>>> = Arc::default();
        let (served, known) = (Arc::clone(&issuer), Arc::clone(&codes));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                drop(answer(&served, &known, client));
            }
        });
        Self { issuer, codes }
    }

    /// Lets a code be exchanged, once.
    pub(crate) fn promise(&self, code: &str, exchange: Exchange) {
        self.codes.lock().unwrap().insert(code.to_owned(), exchange);
    }
}

impl std::ops::Deref for ServedIssuer {
    type Target = Issuer;

    fn deref(&self) -> &Issuer {
        &self.issuer
    }
}

fn answer(
    issuer: &Issuer,
    codes: &Mutex<HashMap<String, Exchange>>,
    mut client: TcpStream,
) -> std::io::Result<()> {
    let asked = Asked::read(&client)?;
    let document = match asked.head.first().and_then(|line| line.split(' ').nth(1)) {
        Some("/.well-known/openid-configuration") => Some(issuer.discovery()),
        Some("/keys") => Some(issuer.keys()),
        Some("/token") => exchange(codes, asked.header("authorization"), &asked.body),
        _ => None,
    };
    let status = if document.is_some() { "200 OK" } else { "400 Bad Request" };
    let body = document.unwrap_or_default().to_string();
    let length = body.len();
    write!(client, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn exchange(
    codes: &Mutex<HashMap<String, Exchange>>,
    authorization: Option<String>,
    body: &[u8],
) -> Option<Value> {
    let url = reqwest::Url::parse(&format!("http://form/?{}", String::from_utf8_lossy(body))).ok()?;
    let fields: HashMap<_, _> = url.query_pairs().into_owned().collect();
    let promised = codes.lock().unwrap().remove(fields.get("code")?)?;
    let proven = fields.get("grant_type")? == "authorization_code"
        && thumbprint(fields.get("code_verifier")?.as_bytes()) == promised.challenge
        && *fields.get("redirect_uri")? == promised.redirect_uri
        && authorization? == promised.authorization;
    proven.then(|| json!({"token_type": "Bearer", "access_token": "none", "id_token": promised.id_token}))
}
