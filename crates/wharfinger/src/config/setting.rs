//! The settings there are: the one list behind flags, variables, keys, help and defaults.

/// One thing that can be set: by flag, by variable and by key of the file.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The key in the file; flag and variable follow from it.
    pub(crate) key: &'static str,
    /// What stands for the value in the help text.
    pub(crate) placeholder: &'static str,
    pub(crate) unset: Unset,
    pub(crate) help: &'static str,
}

/// What holds when nobody says anything.
#[derive(Debug)]
pub(crate) enum Unset {
    Value(&'static str),
    /// It follows from other settings; this says how.
    Follows(&'static str),
}

impl Setting {
    /// As in `--public-url`.
    pub(crate) fn flag(&self) -> String {
        format!("--{}", self.long())
    }

    /// The flag without its dashes.
    pub(crate) fn long(&self) -> String {
        self.key.replace('_', "-")
    }

    /// As in `WHARFINGER_PUBLIC_URL`.
    pub(crate) fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.key.to_ascii_uppercase())
    }
}

pub(crate) const VARIABLE_PREFIX: &str = "WHARFINGER_";

/// None when there is no such setting.
pub(crate) fn by_key(key: &str) -> Option<&'static Setting> {
    ALL.iter().copied().find(|setting| setting.key == key)
}

macro_rules! settings {
    ($($name:ident = $key:literal $placeholder:literal, $unset:expr, $help:literal;)*) => {
        $(pub(crate) const $name: &Setting =
            &Setting { key: $key, placeholder: $placeholder, unset: $unset, help: $help };)*
        /// Every setting, in the order in which they are shown.
        pub(crate) const ALL: &[&Setting] = &[$($name),*];
    };
}

use Unset::{Follows, Value};

settings! {
    LISTEN = "listen" "ADDR:PORT", Value("127.0.0.1:8080"), "Where to listen";
    DATA = "data" "DIR", Value("./wharfinger-data"), "The folder for everything that has no place of its own";
    DATABASE = "database" "URL", Follows("sqlite:DATA/wharfinger.db"),
        "sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE";
    STORAGE = "storage" "URL", Follows("DATA/blobs"), "Where blobs lie: a folder or a file:// URL";
    PUBLIC_URL = "public_url" "URL", Follows("the request's Host"),
        "How clients reach this registry, as in https://registry.example.com";
    TLS_CERTIFICATE = "tls_certificate" "FILE", Follows("no TLS"),
        "A certificate and its chain, in PEM: with it, and tls_key, TLS is spoken. Read again when it changes";
    TLS_KEY = "tls_key" "FILE", Follows("no TLS"), "The certificate's private key, in PEM";
    TRUSTED_PROXIES = "trusted_proxies" "NETWORKS", Follows("none"),
        "Whose X-Forwarded-* headers are believed: addresses and networks, as in 10.0.0.0/8,::1";
    SUPERUSERS = "superusers" "NAMES", Follows("the first user"),
        "Users who may do everything, besides the first, with commas between";
    GLOBAL_READONLY_SUPERUSERS = "global_readonly_superusers" "NAMES", Follows("none"),
        "Users who may read everything and write nothing, with commas between";
    USER_CREATION = "user_creation" "SWITCH", Value("true"), "Whether anybody may make an account: true or false";
    MAX_SIGN_UPS_PER_ADDRESS = "max_sign_ups_per_address" "COUNT", Value("20"),
        "How often one client's address may try to make an account in an hour";
    APP_TOKEN_EXPIRATION = "app_token_expiration" "DURATION", Follows("never"),
        "How long app-specific tokens are good";
    TRUSTED_ISSUERS = "trusted_issuers" "URLS",
        Value("https://token.actions.githubusercontent.com,https://gitlab.com"),
        "The OIDC issuers that robots may trust besides internal_issuers, with commas between, or * for any with https";
    INTERNAL_ISSUERS = "internal_issuers" "URLS", Follows("none"),
        "OIDC issuers that may lie in the network of this machine, and may be without TLS";
    INTERNAL_CALLBACKS = "internal_callbacks" "URLS", Follows("none"),
        "Where exports of logs may be told of in the network of this machine, and without TLS: scheme, host and port";
    LOGIN_ISSUER = "login_issuer" "URL", Follows("none"), "The OIDC issuer at which people can sign in";
    LOGIN_CLIENT_ID = "login_client_id" "TEXT", Follows("none"), "What this registry is called at login_issuer";
    LOGIN_CLIENT_SECRET = "login_client_secret" "TEXT", Follows("none"),
        "Its secret there, or file:PATH of a file that holds it";
    LOGIN_NAME = "login_name" "NAME", Value("oidc"), "What login_issuer is called in addresses: /oauth2/NAME/callback";
    LOGIN_SCOPES = "login_scopes" "SCOPES", Value("openid profile"), "What login_issuer is asked for, with blanks between";
    LOGIN_USERNAME_CLAIM = "login_username_claim" "CLAIM", Value("preferred_username"),
        "The claim that a new user is named by";
    LOGIN_GROUPS_CLAIM = "login_groups_claim" "CLAIM", Value("groups"), "The claim that lists a user's groups";
    LOGIN_GROUPS = "login_groups" "GROUPS", Follows("none"),
        "The teams of groups, as in staff=acme/readers,ops=acme/owners";
    LOG = "log" "FILTER", Value("info"), "What to log, as in info or info,wharfinger_web=debug";
    LOG_FORMAT = "log_format" "FORMAT", Value("text"), "How to log: text or json";
    PULL_COUNT_FLUSH = "pull_count_flush" "DURATION", Value("1s"), "How often counted pulls are written down";
    UPLOAD_EXPIRY = "upload_expiry" "DURATION", Value("24h"), "How long an unfinished upload may rest";
    BLOB_LEASE = "blob_lease" "DURATION", Value("1h"), "How long a blob that no manifest needs is kept for a push";
    DEFAULT_WINDOW = "default_window" "DURATION", Value("2w"),
        "How long a new namespace's dead tags can be restored; 0s for not at all";
    WINDOW_OPTIONS = "window_options" "DURATIONS", Value("0s,1d,1w,2w,4w"),
        "The windows that namespaces can be given, with commas between";
    PRUNE_INTERVAL = "prune_interval" "DURATION", Value("1h"), "How often auto-prune policies are applied to a namespace";
    COLLECT_INTERVAL = "collect_interval" "DURATION", Value("30s"), "How often what nothing needs any more is freed";
    DRAIN_TIME = "drain_time" "DURATION", Value("20s"), "How long requests may go on after the signal to stop";
    SPARSE_MANIFESTS = "sparse_manifests" "SWITCH", Value("false"),
        "Whether to take images and indexes that name what their repository lacks: true or false";
    MAX_MANIFEST_SIZE = "max_manifest_size" "SIZE", Value("4MiB"), "The largest manifest";
    MAX_JSON_SIZE = "max_json_size" "SIZE", Value("1MiB"), "The largest JSON body";
    MAX_LIST_ENTRIES = "max_list_entries" "COUNT", Value("10000"),
        "The most entries in one answer of tags/list and _catalog; more come page by page";
    MAX_CONNECTIONS = "max_connections" "COUNT", Value("4096"), "Connections at once; more wait";
    MAX_CONNECTIONS_PER_ADDRESS = "max_connections_per_address" "COUNT", Value("1024"),
        "Connections at once from one address; more are closed. Raise it behind a proxy";
    MAX_REQUESTS = "max_requests" "COUNT", Value("1024"), "Requests under way at once; more wait a little";
    MAX_REQUESTS_PER_ADDRESS = "max_requests_per_address" "COUNT", Value("256"),
        "Requests under way at once for one client's address; more are refused";
    HEAD_TIMEOUT = "head_timeout" "DURATION", Value("30s"), "How long a client may take to send a request's head";
    BODY_IDLE_TIMEOUT = "body_idle_timeout" "DURATION", Value("60s"),
        "How long a client may pause while it sends or takes a body";
    IDLE_TIMEOUT = "idle_timeout" "DURATION", Value("2m"), "How long a connection may wait for its next request";
}
