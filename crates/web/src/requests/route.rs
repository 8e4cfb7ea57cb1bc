//! What a request asks for, as one of a closed set: logs, numbers and traces group by it.

/// Where a request was sent by the tables of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route {
    /// The path with its parameters in braces, as in `/v2/{name}/manifests/{reference}`.
    pub path: &'static str,
    /// What Quay's API calls the operation, as in `changeTag`. None outside of it.
    pub operation: Option<&'static str>,
}

impl Route {
    /// What no table of paths has.
    pub const OTHER: Self = Self::path("other");

    /// Something outside of Quay's API.
    pub(crate) const fn path(path: &'static str) -> Self {
        Self { path, operation: None }
    }

    /// An operation of Quay's API.
    pub(crate) const fn operation(path: &'static str, operation: &'static str) -> Self {
        Self { path, operation: Some(operation) }
    }

    /// The shortest text that tells it from all others: the operation, or else the path.
    pub fn name(self) -> &'static str {
        self.operation.unwrap_or(self.path)
    }

    /// Whether it is asked again and again by machines that watch this one, and tells nothing when all is well.
    pub(super) fn is_watching(self) -> bool {
        self.path.starts_with("/health/") || self.path == "/metrics"
    }
}
