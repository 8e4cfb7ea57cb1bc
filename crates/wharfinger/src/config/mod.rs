//! What the operator wants: read once, from flags, environment and file, into one typed value.
//!
//! Two steps: [`Sources`] is what was said and where, [`Config`] is what it means, with every check done.

mod file;
mod mistake;
mod quantity;
mod reader;
mod secret;
pub(crate) mod setting;
mod sources;
mod value;

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

pub use mistake::{Mistake, Mistakes, Origin};
pub use secret::SecretUrl;
pub(crate) use secret::masked;
use setting::{Setting, Unset};
pub use sources::Sources;
use wharfinger_model::CallbackUrl;
use wharfinger_model::trust::Issuer;
use wharfinger_registry::OidcLogin;
use wharfinger_web::serve::TrustedProxies;

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The folder for everything that has no place of its own.
    pub data: PathBuf,
    /// What is remembered, and where.
    pub database: Database,
    /// Where blobs lie.
    pub storage: Storage,
    /// How clients reach this registry; when absent, the way they just did.
    pub public_url: Option<PublicUrl>,
    /// The certificate to speak TLS with; in the clear without one.
    pub tls: Option<TlsFiles>,
    /// Whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: TrustedProxies,
    /// Who may do what, beyond what is laid down by use.
    pub people: People,
    /// The OIDC issuers that robots may trust; any if it is not set.
    pub trusted_issuers: Option<Vec<Issuer>>,
    /// OIDC issuers that may lie at private addresses, and be without TLS.
    pub internal_issuers: Vec<Issuer>,
    /// Whose scheme, host and port exports of logs may be told to at private addresses, and without TLS.
    pub internal_callbacks: Vec<CallbackUrl>,
    /// Where people can sign in besides here, if anywhere.
    pub oidc_login: Option<OidcLogin>,
    /// Where to tell metrics to whoever asks, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// What to log.
    pub log: Log,
    /// The OpenTelemetry collector that gets traces, if any.
    pub otlp_endpoint: Option<CollectorUrl>,
    /// How long things last and how often they happen.
    pub rhythm: Rhythm,
    /// Whether manifests are taken that name what their repository lacks.
    pub sparse_manifests: bool,
    /// What clients may ask for.
    pub limits: Limits,
    effective: Vec<Effective>,
    ignored: Vec<String>,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// The file of an SQLite database.
    Sqlite(PathBuf),
    /// The URL of a PostgreSQL database.
    Postgres(SecretUrl),
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// A place for blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// A folder of this machine.
    Disk(PathBuf),
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(folder) => write!(f, "{}", folder.display()),
        }
    }
}

/// A scheme and a host, as in `https://registry.example.com`: no path, no slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The URL's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where an OpenTelemetry collector takes OTLP over HTTP, as in `http://127.0.0.1:4318`: no slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorUrl(String);

impl CollectorUrl {
    /// Where it takes traces.
    pub fn traces(&self) -> String {
        format!("{}/v1/traces", self.0)
    }
}

/// The PEM files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and its chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Who may do what, beyond what is laid down by use.
#[derive(Debug, Clone)]
pub struct People {
    /// Names of users who may do everything, besides the first.
    pub superusers: Vec<String>,
    /// Names of users who may read everything and write nothing.
    pub global_readonly_superusers: Vec<String>,
    /// Whether anybody may make an account.
    pub user_creation: bool,
    /// How often one client may try to make an account in an hour.
    pub max_sign_ups_per_address: NonZeroUsize,
    /// How long app-specific tokens are good; for ever when absent.
    pub app_token_expiration: Option<Duration>,
}

/// What is logged on standard error.
#[derive(Debug, Clone)]
pub struct Log {
    /// Directives of `tracing-subscriber`'s `EnvFilter`, known to be valid.
    pub filter: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How long things last and how often they happen.
#[derive(Debug, Clone)]
pub struct Rhythm {
    /// Between two writings of counted pulls.
    pub pull_count_flush: Duration,
    /// How long an unfinished upload may rest.
    pub upload_expiry: Duration,
    /// How long a blob that no manifest needs is kept.
    pub blob_lease: Duration,
    /// How long a new namespace's dead tags can be restored; zero for not at all.
    pub default_window: Duration,
    /// The windows that namespaces can be given, in whole seconds.
    pub window_options: Vec<Duration>,
    /// Between two applications of auto-prune policies to one namespace.
    pub prune_interval: Duration,
    /// Between two searches for what nothing needs any more.
    pub collect_interval: Duration,
    /// How long requests may go on after the signal to stop.
    pub drain_time: Duration,
}

/// What clients may ask for. Sizes are in bytes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest manifest.
    pub max_manifest_size: usize,
    /// The largest JSON body.
    pub max_json_size: usize,
    /// The most entries in one answer to a list of the distribution API.
    pub max_list_entries: NonZeroUsize,
    /// Connections at once.
    pub max_connections: NonZeroUsize,
    /// Connections at once from one address.
    pub max_connections_per_address: NonZeroUsize,
    /// Requests under way at once.
    pub max_requests: NonZeroUsize,
    /// Requests under way at once for one address.
    pub max_requests_per_address: NonZeroUsize,
    /// How long a client may take to send a request's head.
    pub head_timeout: Duration,
    /// How long a client may pause while it sends or takes a body.
    pub body_idle_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
}

/// A setting as it holds, passwords left out.
#[derive(Debug, Clone)]
pub struct Effective {
    setting: &'static Setting,
    shown: Option<String>,
    origin: Origin,
}

impl fmt::Display for Effective {
    /// A line of the configuration file, with where it comes from as a comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.setting.key;
        let origin = match &self.origin {
            Origin::Default => "default".to_owned(),
            Origin::File(path, line) => format!("{}, line {line}", path.display()),
            origin => origin.naming(self.setting),
        };
        match (&self.shown, &self.setting.unset) {
            (Some(shown), _) => write!(f, "{key} = {}  # {origin}", toml::Value::from(shown.as_str())),
            (None, Unset::Follows(how)) => write!(f, "# {key}: {how}"),
            (None, Unset::Value(_)) => write!(f, "# {key}"),
        }
    }
}

impl Config {
    /// What `sources` mean.
    ///
    /// # Errors
    /// Everything that is wrong with them, not only the first.
    pub fn new(sources: Sources) -> Result<Self, Mistakes> {
        reader::read(sources)
    }

    /// Every setting as it holds, in the order of the help text.
    pub fn effective(&self) -> &[Effective] {
        &self.effective
    }

    /// Variables that look like settings but are none.
    pub fn ignored_variables(&self) -> &[String] {
        &self.ignored
    }

    /// How a message refers to the setting `key`, as in `--listen` or `wharfinger.toml, line 3: listen`.
    pub(crate) fn naming(&self, setting: &Setting) -> String {
        let effective = self.effective.iter().find(|effective| effective.setting.key == setting.key);
        effective.map_or(Origin::Default, |effective| effective.origin.clone()).naming(setting)
    }
}
