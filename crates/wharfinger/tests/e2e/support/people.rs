//! People besides the first user, and tokens with fewer scopes: rows in the store, until there are doors for them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use wharfinger_model::{Scopes, Timestamp};
use wharfinger_store::account::{self, Kind, NewAccount};
use wharfinger_store::{Db, access_token};

use super::Server;

/// Every scope there is, in one text.
pub(crate) const EVERY_SCOPE: &str =
    "org:admin repo:admin repo:create repo:read repo:write super:user user:admin user:read";
/// The name that goes with an access token as the password.
pub(crate) const OAUTH_USER: &str = "$oauthtoken";
/// The first user's password.
pub(crate) const ADMIN_PASSWORD: &str = "a-long-enough-one";

impl Server {
    /// Adds a user who can't sign in but by token.
    pub(crate) fn add_user(&self, name: &str) {
        let name: wharfinger_model::Namespace = name.parse().unwrap();
        self.seed(move |tx| {
            let new = NewAccount {
                name: &name,
                kind: Kind::User,
                email: None,
                password_hash: None,
                superuser: false,
                window: Duration::from_secs(14 * 24 * 3600),
            };
            account::insert(tx, &new, now()).map(drop)
        });
    }

    /// Adds a user who signs in by a password.
    pub(crate) fn add_user_with_password(&self, name: &str, password: &str) {
        let made = self.run_with_input(&["user", "create", name, "--password-stdin"], password);
        assert!(made.status.success(), "{made:?}");
    }

    /// Adds an application `app` of an organization, which gets its answers there; its client id.
    pub(crate) fn add_application(&self, organization: &str, redirect_uri: &str) -> String {
        let path = format!("/api/v1/organization/{organization}/applications");
        let body = serde_json::json!({"name": "app", "redirect_uri": redirect_uri});
        let made = self.by_admin("POST", &path).json(&body).send();
        assert_eq!(made.status, 200, "{made:?}");
        made.json()["client_id"].as_str().unwrap().to_owned()
    }

    /// The secret of an application.
    pub(crate) fn client_secret(&self, organization: &str, client_id: &str) -> String {
        let path = format!("/api/v1/organization/{organization}/applications/{client_id}");
        self.by_admin("GET", &path).send().json()["client_secret"].as_str().unwrap().to_owned()
    }

    /// An access token of `user` with these scopes.
    pub(crate) fn token(&self, user: &str, scopes: &str) -> String {
        self.insert_token(user, scopes, now() + Duration::from_secs(3600))
    }

    /// One whose time is over.
    pub(crate) fn expired_token(&self, user: &str, scopes: &str) -> String {
        self.insert_token(user, scopes, now() - Duration::from_secs(1))
    }

    fn insert_token(&self, user: &str, scopes: &str, expires: Timestamp) -> String {
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (lookup, secret) = (format!("{number:020}"), format!("secret{number:014}"));
        let token = format!("{lookup}{secret}");
        let (user, scopes) = (user.to_owned(), scopes.parse::<Scopes>().unwrap());
        self.seed(move |tx| {
            let owner = account::by_name(tx, &user)?.ok_or(wharfinger_store::Error::NoRow)?;
            let new = access_token::NewToken {
                uuid: &lookup,
                lookup: &lookup,
                secret_hash: &Sha256::digest(secret.as_bytes()),
                account: owner.id,
                application_id: None,
                application: "tests",
                name: None,
                created_by: None,
                sent_to: None,
                scopes,
                expires,
            };
            access_token::insert(tx, &new, now())
        });
        token
    }

    /// Puts rows into the store, for what would take too many requests.
    pub(crate) fn seed<F>(&self, work: F)
    where
        F: Fn(&mut wharfinger_store::Tx<'_>) -> wharfinger_store::Result<()> + Send + 'static,
    {
        let database = self.database();
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let db = if database.starts_with("postgres") {
                Db::open_postgres(&database, 1).await.unwrap()
            } else {
                Db::open_sqlite(database.as_ref()).await.unwrap()
            };
            db.write(work).await.unwrap();
            db.close().await;
        });
    }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_ms(i64::try_from(since_epoch.as_millis()).unwrap())
}
