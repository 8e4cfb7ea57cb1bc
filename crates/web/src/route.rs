//! The paths outside the two APIs, as tables: requests are routed by them, and tests see that none is forgotten.

use http::Method;

use crate::requests;

/// A path, and what is there.
#[derive(Debug)]
pub(crate) struct Route<P> {
    /// The path. `{login}` stands for the name of the issuer at which people sign in.
    pub(crate) path: &'static str,
    /// The methods, as `Allow` lists them.
    pub(crate) methods: &'static str,
    /// What is there.
    pub(crate) page: P,
}

/// The methods of what is only read.
pub(crate) const READS: &str = "GET, HEAD";

impl<P> Route<P> {
    /// What is at `path`, for each of these methods.
    pub(crate) const fn new(methods: &'static str, path: &'static str, page: P) -> Self {
        Self { path, methods, page }
    }

    /// Whether the method is one of them.
    pub(crate) fn allows(&self, method: &Method) -> bool {
        self.methods.split(", ").any(|allowed| allowed == method.as_str())
    }

    /// What the request was sent to, for the log.
    pub(crate) fn note(&self) {
        requests::note_route(requests::Route::path(self.path));
    }

    /// The path and the methods.
    pub(crate) fn described(&self) -> (&'static str, &'static str) {
        (self.path, self.methods)
    }
}
