//! What an operator can choose.

use std::num::NonZeroUsize;
use std::time::Duration;

use secrecy::SecretString;
use wharfinger_model::trust::Issuer;

/// Everything that the registry's use cases and their doors need to know of the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where clients reach the registry, as `https://registry.example.com`, if it was configured.
    pub public_url: Option<String>,
    /// Largest manifest in bytes.
    pub manifest_limit: usize,
    /// Whether manifests are taken that name blobs or manifests which their repository lacks.
    pub sparse_manifests: bool,
    /// Largest JSON body of the API in bytes.
    pub json_limit: usize,
    /// Most entries in one answer to a list of the distribution API, whatever number is asked for.
    pub list_limit: i64,
    /// How long a request's body may stand still.
    pub body_idle: Duration,
    /// How long an upload may stand still before it is forgotten.
    pub upload_expiry: Duration,
    /// How long content is kept that nothing needs yet.
    pub blob_lease: Duration,
    /// How long dead tags of a new namespace can be restored.
    pub default_window: Duration,
    /// The windows that namespaces can be given.
    pub window_options: Vec<Duration>,
    /// Whether pulls are counted. Policies prune by the counts, so this is off only to measure what counting costs.
    pub count_pulls: bool,
    /// How often counted pulls are written down.
    pub pull_count_flush: Duration,
    /// How long a namespace is left alone after its tags were pruned.
    pub prune_interval: Duration,
    /// How often what nothing needs any more is looked for.
    pub collect_interval: Duration,
    /// The OIDC issuers that robots may trust besides the internal ones; any if it is not set.
    pub trusted_issuers: Option<Vec<Issuer>>,
    /// Those that robots may trust, and that may be reached without TLS.
    pub internal_issuers: Vec<Issuer>,
    /// Where people can sign in besides here, if anywhere.
    pub oidc_login: Option<OidcLogin>,
    /// Users who may do everything, besides the first. Their accounts may not be there yet.
    pub superusers: Vec<String>,
    /// Users who may read everything and write nothing. Their accounts may not be there yet.
    pub global_readonly_superusers: Vec<String>,
    /// Whether anybody may make an account.
    pub user_creation: bool,
    /// How often one client may try to make an account in an hour.
    pub sign_ups_per_address: NonZeroUsize,
    /// How long app-specific tokens are good; for ever if it is not set.
    pub app_token_expiration: Option<Duration>,
}

impl Settings {
    /// Whether robots may trust the issuer.
    pub(crate) fn lets_trust(&self, issuer: &Issuer) -> bool {
        let secure = issuer.as_str().starts_with("https://");
        let named = self.trusted_issuers.as_ref().is_none_or(|trusted| trusted.contains(issuer));
        // The operator has named the internal ones, too.
        secure && named || self.internal_issuers.contains(issuer)
    }

    /// Whether the operator has given whoever has that name more than their roles. Nobody may come by such a name by
    /// themselves.
    pub(crate) fn gives_rights_to(&self, name: &str) -> bool {
        self.superusers.iter().chain(&self.global_readonly_superusers).any(|named| named == name)
    }

    /// The name by which registry tokens and challenges call this registry: the authority of its public address.
    pub fn service(&self) -> &str {
        let url = self.public_url.as_deref().unwrap_or("http://wharfinger");
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
        authority.split('/').next().unwrap_or(authority)
    }
}

impl Default for Settings {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        Self {
            public_url: None,
            manifest_limit: 4 << 20,
            sparse_manifests: false,
            json_limit: 1 << 20,
            list_limit: 10_000,
            body_idle: Duration::from_secs(60),
            upload_expiry: 24 * HOUR,
            blob_lease: HOUR,
            default_window: 14 * 24 * HOUR,
            window_options: [0, 1, 7, 14, 28].map(|days| days * 24 * HOUR).to_vec(),
            count_pulls: true,
            pull_count_flush: Duration::from_secs(1),
            prune_interval: HOUR,
            collect_interval: Duration::from_secs(30),
            trusted_issuers: None,
            internal_issuers: Vec::new(),
            oidc_login: None,
            superusers: Vec::new(),
            global_readonly_superusers: Vec::new(),
            user_creation: true,
            sign_ups_per_address: const { NonZeroUsize::new(20).unwrap() },
            app_token_expiration: None,
        }
    }
}

/// An OIDC issuer at which people sign in, and what is made of what it says of them.
#[derive(Debug, Clone)]
pub struct OidcLogin {
    /// What it is called in this registry's own addresses.
    pub name: String,
    /// The issuer.
    pub issuer: Issuer,
    /// The name of this registry at the issuer.
    pub client_id: String,
    /// Its secret there.
    pub client_secret: SecretString,
    /// What is asked of the issuer, with blanks between.
    pub scopes: String,
    /// The claim that a new user is named by.
    pub username_claim: String,
    /// The claim that lists a user's groups.
    pub groups_claim: String,
    /// The teams that groups are in.
    pub groups: Vec<GroupTeam>,
}

/// A group of an issuer whose members are those of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupTeam {
    /// The group's name.
    pub group: String,
    /// The team's organization.
    pub organization: String,
    /// The team.
    pub team: String,
}
