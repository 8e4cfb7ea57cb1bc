//! Every request, from its head until its answer has been taken: its id, and what is known of it in the end.
//!
//! `serve` begins and ends them, whatever the router does. On their way down, those who find something out note it here:
//! `note_route`, `note_caller`. What is known in the end goes to the log, and to each [`Observer`].

mod id;
mod line;
mod received;
mod route;

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use tokio::task::futures::TaskLocalFuture;
use tokio::task_local;
use tracing::Span;
use wharfinger_registry::Caller;

pub(crate) use id::HEADER as ID_HEADER;
pub use id::RequestId;
pub(crate) use received::Received;
pub use route::Route;

task_local! {
    /// The request that this task works for.
    static CURRENT: Arc<Request>;
}

/// One request, as far as it is known.
#[derive(Debug)]
pub(crate) struct Request {
    id: RequestId,
    client: IpAddr,
    method: Method,
    uri: Uri,
    user_agent: Option<HeaderValue>,
    began: Instant,
    received_bytes: AtomicU64,
    route: OnceLock<Route>,
    caller: OnceLock<Arc<Caller>>,
}

/// Notes what the current request asks for; the first note counts.
pub(crate) fn note_route(route: Route) {
    // In a test nobody serves, and there is no request.
    let _noted = CURRENT.try_with(|request| request.route.set(route));
}

/// Notes who makes the current request; the first note counts.
pub(crate) fn note_caller(caller: &Arc<Caller>) {
    let _noted = CURRENT.try_with(|request| request.caller.set(Arc::clone(caller)));
}

/// The id of the current request; a new one where nobody serves.
pub(crate) fn current_id() -> RequestId {
    CURRENT.try_with(|request| request.id.clone()).unwrap_or_else(|_| RequestId::of(&HeaderMap::new()))
}

/// A request that runs. It ends when this is dropped, which is when its answer has been taken or its client is gone.
pub(crate) struct Running {
    request: Arc<Request>,
    observers: Observers,
    span: Span,
    status: Option<StatusCode>,
    sent_bytes: u64,
    whole: bool,
}

impl Running {
    /// A request begins, whose head is `parts`, and which comes from `client`.
    pub(crate) fn begin(parts: &Parts, client: IpAddr, observers: &Observers) -> Self {
        let request = Request {
            id: RequestId::of(&parts.headers),
            client,
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            user_agent: parts.headers.get(header::USER_AGENT).cloned(),
            began: Instant::now(),
            received_bytes: AtomicU64::new(0),
            route: OnceLock::new(),
            caller: OnceLock::new(),
        };
        // Its level is that of an error, so that the lines of errors have it, however little else is logged.
        let span = tracing::error_span!("request", id = %request.id);
        for observer in observers.iter() {
            observer.began(&span, &parts.headers);
        }
        let observers = observers.clone();
        Self { request: Arc::new(request), observers, span, status: None, sent_bytes: 0, whole: false }
    }

    /// `work` as this request's, so that it can note what it finds out.
    pub(crate) fn scope<F: Future>(&self, work: F) -> TaskLocalFuture<Arc<Request>, F> {
        CURRENT.scope(Arc::clone(&self.request), work)
    }

    /// What is logged for this request belongs into it.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// `body` as this request's, so that its bytes are counted.
    pub(crate) fn receive<B>(&self, body: B) -> Received<B> {
        Received::new(body, Arc::clone(&self.request))
    }

    /// The head of the answer is there, and gets the request's id.
    pub(crate) fn answered(&mut self, status: StatusCode, headers: &mut HeaderMap) {
        self.status = Some(status);
        // A client takes no body after these, however long it would be.
        self.whole = self.request.method == Method::HEAD || status == StatusCode::NOT_MODIFIED;
        headers.insert(ID_HEADER, self.request.id.header());
    }

    /// So much more of the answer's body is on its way.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent_bytes += bytes as u64;
    }

    /// All of the answer is on its way.
    pub(crate) fn sent_all(&mut self) {
        self.whole = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let ended = Ended {
            request: &self.request,
            status: self.status,
            sent_bytes: self.sent_bytes,
            whole: self.whole,
            duration: self.request.began.elapsed(),
        };
        self.span.in_scope(|| line::write(&ended));
        for observer in self.observers.iter() {
            observer.ended(&self.span, &ended);
        }
    }
}

/// What is known of a request when it is over.
#[derive(Debug)]
pub struct Ended<'a> {
    request: &'a Request,
    status: Option<StatusCode>,
    sent_bytes: u64,
    whole: bool,
    duration: Duration,
}

impl<'a> Ended<'a> {
    /// What it was called.
    pub fn id(&self) -> &'a RequestId {
        &self.request.id
    }

    /// Who asked: an address, as far as those who say so are to be believed.
    pub fn client(&self) -> IpAddr {
        self.request.client
    }

    /// Its method.
    pub fn method(&self) -> &'a Method {
        &self.request.method
    }

    /// Its path as it came, without the query, which may hold secrets.
    pub fn path(&self) -> &'a str {
        self.request.uri.path()
    }

    /// What it asked for.
    pub fn route(&self) -> Route {
        self.request.route.get().copied().unwrap_or(Route::OTHER)
    }

    /// Who asked, if it came so far that this was found out.
    pub fn caller(&self) -> Option<&'a Caller> {
        self.request.caller.get().map(AsRef::as_ref)
    }

    /// What the client calls itself.
    pub fn user_agent(&self) -> Option<&'a HeaderValue> {
        self.request.user_agent.as_ref()
    }

    /// The status of the answer; none if the client was gone before there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Whether all of the answer was sent.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// How much of the request's body was read.
    pub fn received_bytes(&self) -> u64 {
        self.request.received_bytes.load(Ordering::Relaxed)
    }

    /// How much of the answer's body was sent.
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// From the end of the request's head to the end of the answer.
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

/// Whoever wants to know of every request, besides the log. It is called on the thread that serves, so it never waits.
pub trait Observer: Send + Sync {
    /// A request begins: its span, and the headers that it came with.
    fn began(&self, span: &Span, headers: &HeaderMap);

    /// It is over.
    fn ended(&self, span: &Span, ended: &Ended<'_>);
}

/// All observers of a listener.
#[derive(Clone, Default)]
pub struct Observers(Option<Arc<[Arc<dyn Observer>]>>);

impl Observers {
    fn iter(&self) -> impl Iterator<Item = &dyn Observer> {
        self.0.iter().flat_map(|all| all.iter()).map(AsRef::as_ref)
    }
}

impl FromIterator<Arc<dyn Observer>> for Observers {
    fn from_iter<T: IntoIterator<Item = Arc<dyn Observer>>>(observers: T) -> Self {
        Self(Some(observers.into_iter().collect()))
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observers").field(&self.iter().count()).finish()
    }
}
