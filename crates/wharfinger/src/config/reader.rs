//! From what was said to what it means.

use std::collections::BTreeMap;
use std::fmt;

use wharfinger_registry::OidcLogin;

use super::mistake::{Mistake, Mistakes, Origin};
use super::secret::MASK;
use super::setting::{self, Setting, Unset};
use super::sources::{Given, Sources};
use super::{
    Config, Database, Effective, Limits, Log, People, Rhythm, Storage, TlsFiles, masked, quantity, value,
};

/// All of `sources`, or all that is wrong with them.
pub(super) fn read(sources: Sources) -> Result<Config, Mistakes> {
    let Sources { given, ignored, mistakes } = sources;
    let mut reader = Reader { given, mistakes, effective: Vec::new() };
    let config = reader.config();
    let unknown = reader.given.keys().map(|key| Mistake::of(key, "there is no such setting"));
    reader.mistakes.extend(unknown);
    match config {
        Some(config) if reader.mistakes.is_empty() => {
            Ok(Config { effective: reader.effective, ignored, ..config })
        }
        _ => Err(Mistakes(reader.mistakes)),
    }
}

/// Reads setting after setting and collects what is wrong on the way.
struct Reader {
    given: BTreeMap<&'static str, Given>,
    mistakes: Vec<Mistake>,
    effective: Vec<Effective>,
}

impl Reader {
    /// None only after a mistake.
    fn config(&mut self) -> Option<Config> {
        let listen = self.value(setting::LISTEN, value::address);
        let data = self.value(setting::DATA, value::folder);
        let beside = data.clone().unwrap_or_default();
        let database = self
            .value_or(setting::DATABASE, value::database, || Database::Sqlite(beside.join("wharfinger.db")));
        let storage = self.value_or(setting::STORAGE, value::storage, || Storage::Disk(beside.join("blobs")));
        let public_url = self.optional(setting::PUBLIC_URL, value::public_url);
        let tls = self.tls();
        let trusted_proxies = self.optional(setting::TRUSTED_PROXIES, value::networks).unwrap_or_default();
        let people = self.people();
        let trusted_issuers = self.value(setting::TRUSTED_ISSUERS, value::trusted_issuers);
        let internal_issuers = self.optional(setting::INTERNAL_ISSUERS, value::issuers).unwrap_or_default();
        let internal_callbacks =
            self.optional(setting::INTERNAL_CALLBACKS, value::callbacks).unwrap_or_default();
        let oidc_login = self.oidc_login();
        let metrics_listen = self.optional(setting::METRICS_LISTEN, value::address);
        let (filter, format) =
            (self.value(setting::LOG, value::filter), self.value(setting::LOG_FORMAT, value::log_format));
        let otlp_endpoint = self.optional(setting::OTLP_ENDPOINT, value::collector);
        let rhythm = self.rhythm();
        let sparse_manifests = self.value(setting::SPARSE_MANIFESTS, value::switch);
        let limits = self.limits();
        Some(Config {
            listen: listen?,
            data: data?,
            database: database?,
            storage: storage?,
            public_url,
            tls,
            trusted_proxies,
            trusted_issuers: trusted_issuers?,
            internal_issuers,
            internal_callbacks,
            oidc_login,
            people: people?,
            metrics_listen,
            log: Log { filter: filter?, format: format? },
            otlp_endpoint,
            rhythm: rhythm?,
            sparse_manifests: sparse_manifests?,
            limits: limits?,
            effective: Vec::new(),
            ignored: Vec::new(),
        })
    }

    /// Both files or neither.
    fn tls(&mut self) -> Option<TlsFiles> {
        let origin = |reader: &Self, setting: &Setting| Some(reader.given.get(setting.key)?.origin.clone());
        let origins = (origin(self, setting::TLS_CERTIFICATE), origin(self, setting::TLS_KEY));
        let certificate = self.optional(setting::TLS_CERTIFICATE, value::file);
        let key = self.optional(setting::TLS_KEY, value::file);
        let alone = match origins {
            (Some(origin), None) => Some((setting::TLS_CERTIFICATE, origin, setting::TLS_KEY)),
            (None, Some(origin)) => Some((setting::TLS_KEY, origin, setting::TLS_CERTIFICATE)),
            _ => None,
        };
        if let Some((setting, origin, missing)) = alone {
            let what = format!("TLS needs two files: set {}, too", missing.key);
            self.mistakes.push(Mistake::of(origin.naming(setting), what));
        }
        Some(TlsFiles { certificate: certificate?, key: key? })
    }

    fn people(&mut self) -> Option<People> {
        let superusers = self.optional(setting::SUPERUSERS, value::users).unwrap_or_default();
        let global_readonly_superusers =
            self.optional(setting::GLOBAL_READONLY_SUPERUSERS, value::users).unwrap_or_default();
        let user_creation = self.value(setting::USER_CREATION, value::switch);
        let max_sign_ups_per_address = self.value(setting::MAX_SIGN_UPS_PER_ADDRESS, quantity::count);
        let app_token_expiration = self.optional(setting::APP_TOKEN_EXPIRATION, quantity::positive_duration);
        Some(People {
            superusers,
            global_readonly_superusers,
            user_creation: user_creation?,
            max_sign_ups_per_address: max_sign_ups_per_address?,
            app_token_expiration,
        })
    }

    /// Issuer, client and secret, or none of them.
    fn oidc_login(&mut self) -> Option<OidcLogin> {
        let given = |reader: &Self, setting: &Setting| Some(reader.given.get(setting.key)?.origin.clone());
        let parts = [setting::LOGIN_ISSUER, setting::LOGIN_CLIENT_ID, setting::LOGIN_CLIENT_SECRET];
        let origins = parts.map(|setting| (setting, given(self, setting)));
        let issuer = self.optional(setting::LOGIN_ISSUER, value::issuer);
        let client_id = self.optional(setting::LOGIN_CLIENT_ID, value::text);
        let client_secret = self.hidden(setting::LOGIN_CLIENT_SECRET, value::secret);
        let name = self.value(setting::LOGIN_NAME, value::path_segment);
        let scopes = self.value(setting::LOGIN_SCOPES, value::text);
        let username_claim = self.value(setting::LOGIN_USERNAME_CLAIM, value::text);
        let groups_claim = self.value(setting::LOGIN_GROUPS_CLAIM, value::text);
        let groups = self.optional(setting::LOGIN_GROUPS, value::group_teams).unwrap_or_default();
        if let Some((there, Some(origin))) = origins.iter().find(|(_, origin)| origin.is_some()) {
            for (missing, _) in origins.iter().filter(|(_, origin)| origin.is_none()) {
                let what = format!("signing in by OIDC needs {}, too", missing.key);
                self.mistakes.push(Mistake::of(origin.naming(there), what));
            }
        }
        Some(OidcLogin {
            name: name?,
            issuer: issuer?,
            client_id: client_id?,
            client_secret: client_secret?,
            scopes: scopes?,
            username_claim: username_claim?,
            groups_claim: groups_claim?,
            groups,
        })
    }

    fn rhythm(&mut self) -> Option<Rhythm> {
        let pull_count_flush = self.value(setting::PULL_COUNT_FLUSH, quantity::positive_duration);
        let upload_expiry = self.value(setting::UPLOAD_EXPIRY, quantity::positive_duration);
        let blob_lease = self.value(setting::BLOB_LEASE, quantity::positive_duration);
        let default_window = self.value(setting::DEFAULT_WINDOW, quantity::duration);
        let window_options = self.value(setting::WINDOW_OPTIONS, quantity::windows);
        let prune_interval = self.value(setting::PRUNE_INTERVAL, quantity::positive_duration);
        let collect_interval = self.value(setting::COLLECT_INTERVAL, quantity::positive_duration);
        let drain_time = self.value(setting::DRAIN_TIME, quantity::duration);
        Some(Rhythm {
            pull_count_flush: pull_count_flush?,
            upload_expiry: upload_expiry?,
            blob_lease: blob_lease?,
            default_window: default_window?,
            window_options: window_options?,
            prune_interval: prune_interval?,
            collect_interval: collect_interval?,
            drain_time: drain_time?,
        })
    }

    fn limits(&mut self) -> Option<Limits> {
        let max_manifest_size = self.value(setting::MAX_MANIFEST_SIZE, quantity::size);
        let max_json_size = self.value(setting::MAX_JSON_SIZE, quantity::size);
        let max_list_entries = self.value(setting::MAX_LIST_ENTRIES, quantity::count);
        let max_connections = self.value(setting::MAX_CONNECTIONS, quantity::count);
        let max_connections_per_address = self.value(setting::MAX_CONNECTIONS_PER_ADDRESS, quantity::count);
        let max_requests = self.value(setting::MAX_REQUESTS, quantity::count);
        let max_requests_per_address = self.value(setting::MAX_REQUESTS_PER_ADDRESS, quantity::count);
        let head_timeout = self.value(setting::HEAD_TIMEOUT, quantity::positive_duration);
        let body_idle_timeout = self.value(setting::BODY_IDLE_TIMEOUT, quantity::positive_duration);
        let idle_timeout = self.value(setting::IDLE_TIMEOUT, quantity::positive_duration);
        Some(Limits {
            max_manifest_size: max_manifest_size?,
            max_json_size: max_json_size?,
            max_list_entries: max_list_entries?,
            max_connections: max_connections?,
            max_connections_per_address: max_connections_per_address?,
            max_requests: max_requests?,
            max_requests_per_address: max_requests_per_address?,
            head_timeout: head_timeout?,
            body_idle_timeout: body_idle_timeout?,
            idle_timeout: idle_timeout?,
        })
    }

    /// A setting that always has a value of its own.
    fn value<T>(&mut self, setting: &'static Setting, parse: Parse<T>) -> Option<T> {
        let given = self.given.remove(setting.key).or_else(|| match setting.unset {
            Unset::Value(text) => Some(Given { text: text.to_owned(), origin: Origin::Default }),
            Unset::Follows(_) => None,
        })?;
        self.parse(setting, given, parse)
    }

    /// A setting that follows from others when nobody says anything.
    fn value_or<T: fmt::Display>(
        &mut self,
        setting: &'static Setting,
        parse: Parse<T>,
        follow: impl FnOnce() -> T,
    ) -> Option<T> {
        if let Some(given) = self.given.remove(setting.key) {
            return self.parse(setting, given, parse);
        }
        let value = follow();
        self.effective.push(Effective { setting, shown: Some(value.to_string()), origin: Origin::Default });
        Some(value)
    }

    /// A setting that may stay without a value.
    fn optional<T>(&mut self, setting: &'static Setting, parse: Parse<T>) -> Option<T> {
        match self.given.remove(setting.key) {
            Some(given) => self.parse(setting, given, parse),
            None => {
                self.effective.push(Effective { setting, shown: None, origin: Origin::Default });
                None
            }
        }
    }

    /// The same, of which nothing is shown.
    fn hidden<T>(&mut self, setting: &'static Setting, parse: Parse<T>) -> Option<T> {
        let hidden = self.given.contains_key(setting.key);
        let value = self.optional(setting, parse);
        if let Some(effective) =
            self.effective.last_mut().filter(|of| hidden && of.setting.key == setting.key)
        {
            effective.shown = Some(MASK.to_owned());
        }
        value
    }

    fn parse<T>(&mut self, setting: &'static Setting, given: Given, parse: Parse<T>) -> Option<T> {
        match parse(&given.text) {
            Ok(value) => {
                let shown = Some(masked(&given.text));
                self.effective.push(Effective { setting, shown, origin: given.origin });
                Some(value)
            }
            Err(error) => {
                self.mistakes.push(Mistake::in_value(setting, &given.origin, &error));
                None
            }
        }
    }
}

type Parse<T> = fn(&str) -> Result<T, value::Error>;
