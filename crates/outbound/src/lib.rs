//! What the registry asks of others by HTTP, within rules that hold for hostile addresses, too.
//!
//! - TLS only, and only addresses that anybody on the Internet could reach as well, except for issuers and callbacks that the
//!   operator has called internal: of an issuer only what has its own scheme, host and port, and of a callback whatever has.
//! - The address that was looked at is the one that is connected to: a name is resolved once.
//! - Nobody is followed elsewhere: a redirect is no document.
//! - Size, time, and how many are asked at once are bounded.

mod address;
mod callback;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use url::{Host, Url};
use wharfinger_registry::exports::CallbackUrl;
use wharfinger_registry::oidc::{Fetch, FetchError, Fetching, Form, Issuer};

/// Largest document in bytes.
pub const LARGEST: usize = 256 * 1024;
/// How long one question may take, from the look-up of the name to the last byte.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many are asked at once. Others wait, within their own time.
const AT_ONCE: usize = 16;

/// Asks others by HTTP.
#[derive(Debug)]
pub struct Outbound {
    internal: Vec<Issuer>,
    internal_callbacks: Vec<CallbackUrl>,
    permits: Semaphore,
}

/// How far an address may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Also into the network of this machine, and without TLS: the operator has named it.
    Internal,
    /// Only where anybody could ask as well.
    Public,
}

impl Reach {
    fn internal_if(internal: bool) -> Self {
        if internal { Self::Internal } else { Self::Public }
    }
}

impl Outbound {
    /// Asks what is public, and besides `internal` issuers at their own origins, and tells `internal_callbacks` at
    /// theirs, wherever they lie and whether or not they speak TLS.
    pub fn new(internal: Vec<Issuer>, internal_callbacks: Vec<CallbackUrl>) -> Self {
        Self { internal, internal_callbacks, permits: Semaphore::new(AT_ONCE) }
    }

    /// How far `url` may reach. Another issuer's word is not enough: it could name whatever is internal.
    fn reach(&self, issuer: &Issuer, url: &Url) -> Reach {
        let own = Url::parse(issuer.as_str()).is_ok_and(|own| own.origin() == url.origin());
        Reach::internal_if(own && self.internal.contains(issuer))
    }

    /// The beginning of an answer to what `request` makes of a client and the address, and the permit under which the
    /// rest may be read.
    async fn send(
        &self,
        url: Url,
        reach: Reach,
        request: impl FnOnce(&Client, Url) -> RequestBuilder,
    ) -> Result<(Response, SemaphorePermit<'_>), Failure> {
        check(&url, reach)?;
        let permit = self.permits.acquire().await.map_err(Failure::unreachable)?;
        let allowed: Vec<_> =
            addresses(&url).await?.into_iter().filter(|address| is_allowed(address.ip(), reach)).collect();
        if allowed.is_empty() {
            return Err(not_public());
        }
        let client = client(allowed).await?;
        // The path and query of a URL may hold a secret. Who needs them knows them.
        let unreachable = |error: reqwest::Error| Failure::unreachable(error.without_url());
        let answer = request(&client, url).send().await.map_err(unreachable)?;
        Ok((answer, permit))
    }

    /// The document with which `url` answers.
    async fn ask(
        &self,
        issuer: &Issuer,
        url: &str,
        request: impl FnOnce(&Client, Url) -> RequestBuilder,
    ) -> Result<Vec<u8>, FetchError> {
        within_patience(async {
            let url = Url::parse(url).map_err(|_| Failure::Forbidden("it is no URL".into()))?;
            let reach = self.reach(issuer, &url);
            let request = |client: &Client, url| request(client, url).header(ACCEPT, "application/json");
            let (answer, _permit) = self.send(url, reach, request).await?;
            read(answer).await
        })
        .await
        .map_err(|failure| failure.at(url))
    }
}

/// What comes of `work` in time.
async fn within_patience<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = |_| Failure::Unreachable(format!("it takes longer than {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, work).await.map_err(late).flatten()
}

/// Checks what can be told of a URL without looking up its host.
fn check(url: &Url, reach: Reach) -> Result<(), Failure> {
    if reach == Reach::Public && url.scheme() != "https" {
        return Err(Failure::Forbidden("only https:// is asked".into()));
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
        _ => None,
    };
    if address.is_none_or(|address| is_allowed(address, reach)) { Ok(()) } else { Err(not_public()) }
}

fn is_allowed(address: IpAddr, reach: Reach) -> bool {
    reach == Reach::Internal || address::is_public(address)
}

fn not_public() -> Failure {
    Failure::Forbidden("it does not lie at a public address".into())
}

impl Fetch for Outbound {
    fn get<'a>(&'a self, issuer: &'a Issuer, url: &'a str) -> Fetching<'a> {
        Box::pin(self.ask(issuer, url, |client, url| client.get(url)))
    }

    fn post<'a>(&'a self, issuer: &'a Issuer, url: &'a str, form: &'a Form<'a>) -> Fetching<'a> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form.fields).finish();
        // Name and secret are written as in a form (RFC 6749, section 2.3.1).
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (name, secret) = (encode(form.client.0), encode(form.client.1.expose_secret()));
        Box::pin(self.ask(issuer, url, move |client, url| {
            let request = client.post(url).basic_auth(&name, Some(&secret));
            request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
        }))
    }
}

/// Why nothing came of a question.
enum Failure {
    Forbidden(String),
    Unreachable(String),
    Unfit(String),
}

impl Failure {
    fn unreachable(error: impl std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        Self::Unreachable(text)
    }

    fn at(self, url: &str) -> FetchError {
        let url = url.to_owned();
        match self {
            Self::Forbidden(why) => FetchError::Forbidden { url, why },
            Self::Unreachable(why) => FetchError::Unreachable { url, why },
            Self::Unfit(why) => FetchError::Unfit { url, why },
        }
    }
}

/// Where the host of `url` lies.
async fn addresses(url: &Url) -> Result<Vec<SocketAddr>, Failure> {
    let port = url.port_or_known_default().unwrap_or(443);
    match url.host() {
        Some(Host::Ipv4(address)) => Ok(vec![(address, port).into()]),
        Some(Host::Ipv6(address)) => Ok(vec![(address, port).into()]),
        Some(Host::Domain(name)) => {
            let found = tokio::net::lookup_host((name, port)).await;
            Ok(found.map_err(Failure::unreachable)?.collect())
        }
        None => Err(Failure::Forbidden("it has no host".into())),
    }
}

/// Whatever the name, these are its addresses.
struct Pinned(Vec<SocketAddr>);

impl Resolve for Pinned {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// A client for one question, which trusts whom the system trusts at this moment. Its certificates are read from files.
async fn client(addresses: Vec<SocketAddr>) -> Result<Client, Failure> {
    let build = move || {
        // An error says that the process has one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::builder()
            .user_agent(concat!("wharfinger/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Pinned(addresses)))
            .build()
    };
    let built = tokio::task::spawn_blocking(build).await.map_err(Failure::unreachable)?;
    built.map_err(Failure::unreachable)
}

async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    if response.status() != StatusCode::OK {
        return Err(Failure::Unfit(format!("the answer is {}", response.status())));
    }
    let mut document = Vec::new();
    while let Some(part) = response.chunk().await.map_err(Failure::unreachable)? {
        if document.len() + part.len() > LARGEST {
            return Err(Failure::Unfit(format!("it has more than {LARGEST} bytes")));
        }
        document.extend_from_slice(&part);
    }
    Ok(document)
}
