//! The registry put together: use cases over stores, and the routes in front of them.

use std::sync::Arc;

use anyhow::bail;
use axum::Router;
use wharfinger_outbound::Outbound;
use wharfinger_registry::{Clock, Outside, Registry, Settings, identity::first_user};

use crate::config::{Config, setting};
use crate::deps::Deps;

/// A registry that is ready to be served.
pub struct App {
    /// Everything that can be asked for over HTTP.
    pub router: Router,
    /// What the routes ask, for the loops that work beside them.
    pub registry: Registry,
    deps: Deps,
}

/// Puts a registry together. Nothing runs yet that would have to be stopped.
///
/// # Errors
/// When what the stores hold can't be used.
pub async fn build(config: &Config, deps: Deps, clock: Clock) -> anyhow::Result<App> {
    // The operator has named where people sign in, so that may lie anywhere, too.
    let login = config.oidc_login.iter().map(|login| &login.issuer);
    let issuers = config.internal_issuers.iter().chain(login).cloned().collect();
    let outbound = Arc::new(Outbound::new(issuers, config.internal_callbacks.clone()));
    let outside = Outside { fetch: Arc::<Outbound>::clone(&outbound), callbacks: outbound };
    let (db, blobs) = (deps.db.clone(), Arc::clone(&deps.blobs));
    let registry = Registry::open_online(db, blobs, clock, settings(config), outside).await?;
    if !registry.finds_its_blobs().await? {
        // Whoever pushed them was told that they are stored, and whoever pushes next would not send them again.
        bail!(
            "{}: `{}` holds none of the blobs that the database remembers; is it the right folder, and mounted?",
            config.naming(setting::STORAGE),
            config.storage
        );
    }
    Ok(App { router: wharfinger_web::router(registry.clone()), registry, deps })
}

impl App {
    /// What the operator must do before anyone can log in, if anything. `url` is where this registry is reached.
    pub async fn first_steps(&self, url: &str) -> Option<String> {
        if !first_user::is_awaited(&self.registry).await.unwrap_or(false) {
            return None;
        }
        Some(format!(
            "Nobody can log in yet. Make the first user, an administrator, with\n\
             \x20 curl -X POST {url}/api/v1/user/initialize -H 'Content-Type: application/json' \\\n\
             \x20   -d '{{\"username\": \"admin\", \"password\": \"choose-a-good-one\", \"access_token\": true}}'"
        ))
    }

    /// Takes the router out, and leaves what has to be closed after it.
    pub(crate) fn split(self) -> (Router, Registry, Deps) {
        (self.router, self.registry, self.deps)
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        public_url: config.public_url.as_ref().map(|url| url.as_str().to_owned()),
        manifest_limit: config.limits.max_manifest_size,
        sparse_manifests: config.sparse_manifests,
        json_limit: config.limits.max_json_size,
        list_limit: i64::try_from(config.limits.max_list_entries.get()).unwrap_or(i64::MAX),
        body_idle: config.limits.body_idle_timeout,
        upload_expiry: config.rhythm.upload_expiry,
        blob_lease: config.rhythm.blob_lease,
        default_window: config.rhythm.default_window,
        window_options: config.rhythm.window_options.clone(),
        count_pulls: true,
        pull_count_flush: config.rhythm.pull_count_flush,
        prune_interval: config.rhythm.prune_interval,
        collect_interval: config.rhythm.collect_interval,
        trusted_issuers: config.trusted_issuers.clone(),
        internal_issuers: config.internal_issuers.clone(),
        oidc_login: config.oidc_login.clone(),
        superusers: config.people.superusers.clone(),
        global_readonly_superusers: config.people.global_readonly_superusers.clone(),
        user_creation: config.people.user_creation,
        sign_ups_per_address: config.people.max_sign_ups_per_address,
        app_token_expiration: config.people.app_token_expiration,
    }
}
