//! Who is calling.

mod credentials;
pub(crate) mod token_endpoint;

use std::sync::Arc;

use http::header::{COOKIE, ORIGIN, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
use wharfinger_registry::identity::{authenticate, registry_token};
use wharfinger_registry::{Caller, Origin, Registry, Result};

use crate::requests::note_caller;
use crate::serve::{Scheme, Via};
use credentials::Credentials;

/// The browser's session. Quay's own web pages call it by this name.
pub(crate) const SESSION_COOKIE: &str = "_csrf_token";
/// Where a script repeats the session's CSRF token.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";
/// The same, in a query.
const CSRF_PARAMETER: &str = "_csrf_token";

/// Who asks for what a browser loads (Fetch Metadata Request Headers).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What the browser will make of it.
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Why a request to Quay's API is refused before anybody looks at what it asks for.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A write came with a session's cookie, but not from a page that knows the session's token. Holds who is signed
    /// in, if anybody is.
    Csrf(Option<String>),
    /// The bearer token is a signed one, made for another surface or by somebody else.
    ForeignToken,
    /// Whoever it is could not be found out.
    Failed(wharfinger_registry::Error),
}

impl From<wharfinger_registry::Error> for Refused {
    fn from(error: wharfinger_registry::Error) -> Self {
        Self::Failed(error)
    }
}

/// Where a request came from.
pub(crate) fn origin(parts: &Parts) -> Origin {
    let text = |name| parts.headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    Origin { address: via(parts).map(|via| via.client), user_agent: text(USER_AGENT).map(str::to_owned) }
}

/// How the request came here. None only where nobody serves, as in a test.
fn via(parts: &Parts) -> Option<&Via> {
    parts.extensions.get()
}

/// The host, and perhaps port, by which the client says to reach this registry.
fn host(parts: &Parts) -> Option<&str> {
    via(parts)?.host.as_ref().map(http::uri::Authority::as_str)
}

/// Scheme and host by which the client reaches this registry: as configured, or else as it just did.
pub(crate) fn base_url(registry: &Registry, parts: &Parts) -> String {
    if let Some(url) = &registry.settings().public_url {
        return url.clone();
    }
    let scheme = via(parts).map_or(Scheme::Http, |via| via.scheme);
    format!("{}://{}", scheme.as_str(), host(parts).unwrap_or("localhost"))
}

/// The scheme to which the cookie of a session is bound: TLS, if either the request or the public address says so.
pub(crate) fn session_scheme(registry: &Registry, parts: &Parts) -> Scheme {
    let public = registry.settings().public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let arrived = via(parts).is_some_and(|via| via.scheme == Scheme::Https);
    if public || arrived { Scheme::Https } else { Scheme::Http }
}

/// Whoever calls the distribution API: the holder of the registry token in the request, or somebody anonymous if it
/// has none. `None` if it shows something that is not a valid registry token.
pub(crate) fn registry_caller(registry: &Registry, parts: &Parts) -> Option<Arc<Caller>> {
    match Credentials::of(&parts.headers) {
        Credentials::None => Some(Arc::new(Caller::anonymous(origin(parts)))),
        Credentials::Bearer(token) => registry_token::verify(registry, token, origin(parts)),
        Credentials::Basic { .. } | Credentials::Unreadable => None,
    }
}

/// Whoever calls Quay's API: by access token, name and password, or session. What is not valid makes nobody of the
/// caller, so that everybody may read what is public.
pub(crate) async fn api_caller(registry: &Registry, parts: &Parts) -> Result<Arc<Caller>, Refused> {
    let anonymous = || Arc::new(Caller::anonymous(origin(parts)));
    match Credentials::of(&parts.headers) {
        Credentials::Bearer(token) => match authenticate::access_token(registry, token, origin(parts)).await?
        {
            Some(caller) => Ok(caller),
            None if looks_signed(token) => Err(Refused::ForeignToken),
            None => Ok(anonymous()),
        },
        Credentials::Basic { user, password } => {
            // A browser that was once told name and password sends them along with whatever any page asks for.
            if !reads(parts) && is_foreign_page(registry, parts) {
                return Err(Refused::Csrf(None));
            }
            let caller = authenticate::password(registry, &user, &password, origin(parts)).await?;
            Ok(caller.unwrap_or_else(anonymous))
        }
        Credentials::None | Credentials::Unreadable => match session_cookie(&parts.headers) {
            Some(cookie) => session_caller(registry, parts, cookie).await,
            None => Ok(anonymous()),
        },
    }
}

async fn session_caller(registry: &Registry, parts: &Parts, cookie: &str) -> Result<Arc<Caller>, Refused> {
    let caller = authenticate::session(registry, cookie, origin(parts)).await?;
    let caller = caller.unwrap_or_else(|| Arc::new(Caller::anonymous(origin(parts))));
    if reads(parts) || is_own_page(registry, parts, sent_csrf_token(parts).as_deref()) {
        Ok(caller)
    } else {
        Err(Refused::Csrf(caller.description()))
    }
}

/// Whoever answers the pages of OAuth 2: by session, or by name and password. Tokens are nothing there, or one could lend
/// more than it has.
pub(crate) async fn page_caller(registry: &Registry, parts: &Parts) -> Result<Arc<Caller>> {
    let is_token = |user: &str| user.starts_with('$') || user.contains('+');
    let caller = match Credentials::of(&parts.headers) {
        Credentials::Basic { user, .. } if is_token(&user) => None,
        Credentials::Basic { user, password } => {
            authenticate::password(registry, &user, &password, origin(parts)).await?
        }
        _ => match session_cookie(&parts.headers) {
            Some(cookie) => authenticate::session(registry, cookie, origin(parts)).await?,
            None => None,
        },
    };
    let caller = caller.unwrap_or_else(|| Arc::new(Caller::anonymous(origin(parts))));
    note_caller(&caller);
    Ok(caller)
}

/// Name and password of an OAuth 2 client, if it shows them in `Authorization`.
pub(crate) fn client_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    match Credentials::of(headers) {
        Credentials::Basic { user, password } => Some((user, password)),
        _ => None,
    }
}

fn reads(parts: &Parts) -> bool {
    matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Checks that a write comes from a page of ours, whoever is signed in.
///
/// # Errors
/// [`Refused::Csrf`].
pub(crate) fn check_own_page(registry: &Registry, parts: &Parts) -> Result<(), Refused> {
    let own = is_own_page(registry, parts, sent_csrf_token(parts).as_deref());
    if own { Ok(()) } else { Err(Refused::Csrf(None)) }
}

/// Whether a write comes from a page of ours: it knows the token of the cookie that came along, and no browser says that
/// it is another's.
pub(crate) fn is_own_page(registry: &Registry, parts: &Parts, sent: Option<&str>) -> bool {
    let cookie = session_cookie(&parts.headers);
    let proven = cookie.zip(sent).is_some_and(|(cookie, sent)| authenticate::csrf_matches(cookie, sent));
    proven && !is_foreign_page(registry, parts)
}

/// Whether a browser says that a page of another origin sends this (RFC 6454). Programs say nothing.
pub(crate) fn is_foreign_page(registry: &Registry, parts: &Parts) -> bool {
    let host = |url: &str| url.split_once("://").map(|(_, host)| host.to_ascii_lowercase());
    let Some(origin) = parts.headers.get(ORIGIN) else { return false };
    // A proxy in front, of which nobody told us, may speak another scheme than we do.
    origin.to_str().ok().and_then(host) != host(&base_url(registry, parts))
}

/// Whether a browser says that a page of another origin asks for this (Fetch Metadata), by a link, too. Programs say
/// nothing.
pub(crate) fn is_asked_by_foreign_page(parts: &Parts) -> bool {
    let sites = parts.headers.get_all(SEC_FETCH_SITE).into_iter();
    sites.map(http::HeaderValue::as_bytes).any(|site| site != b"same-origin" && site != b"none")
}

/// The same, unless it is a page of its own that the browser shows: what another page loads as a part of itself, as a
/// picture or a frame.
pub(crate) fn is_part_of_foreign_page(parts: &Parts) -> bool {
    let page = parts.headers.get(SEC_FETCH_DEST).is_none_or(|what| what == "document");
    is_asked_by_foreign_page(parts) && !page
}

fn sent_csrf_token(parts: &Parts) -> Option<String> {
    if let Some(header) = parts.headers.get(CSRF_HEADER) {
        return header.to_str().ok().map(str::to_owned);
    }
    let query = parts.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| (name == CSRF_PARAMETER).then(|| value.into_owned()))
}

/// The cookie that a page's forms belong to, the browser's if it is from us, or a new one, and what they repeat to prove
/// that.
pub(crate) async fn page_cookie(registry: &Registry, parts: &Parts) -> Result<(String, String)> {
    let cookie = match session_cookie(&parts.headers) {
        Some(cookie) if authenticate::gave_out(registry, cookie).await? => cookie.to_owned(),
        _ => authenticate::new_page_cookie(registry)?,
    };
    let token = authenticate::csrf_token(&cookie);
    Ok((cookie, token))
}

/// The session's cookie, if the browser sent one.
pub(crate) fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == SESSION_COOKIE && !value.is_empty()).then_some(value)
    })
}

/// Three parts with dots between them: a signed token (RFC 7519), whoever signed it.
fn looks_signed(token: &str) -> bool {
    token.split('.').count() == 3 && token.split('.').all(|part| !part.is_empty())
}
