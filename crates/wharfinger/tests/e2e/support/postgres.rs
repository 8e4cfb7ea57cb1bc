//! A schema of its own on the PostgreSQL server that the environment names.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use postgres::{Client, NoTls};

/// The server to test with. Says loudly when there is none; with `WHARFINGER_TEST_REQUIRE` that is a failure.
pub(crate) fn url() -> Option<String> {
    static TOLD: Once = Once::new();
    let url = std::env::var("WHARFINGER_TEST_POSTGRES").ok().filter(|url| !url.is_empty());
    if url.is_none() {
        assert!(
            std::env::var_os("WHARFINGER_TEST_REQUIRE").is_none(),
            "WHARFINGER_TEST_POSTGRES must name a PostgreSQL server"
        );
        TOLD.call_once(|| eprintln!("SKIPPED: tests on PostgreSQL need WHARFINGER_TEST_POSTGRES"));
    }
    url
}

/// A schema that goes when this is dropped.
pub(crate) struct Schema {
    pub(crate) url: String,
    name: String,
    server: String,
}

impl Schema {
    pub(crate) fn create() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let server = url().expect("asked for only when there is a server");
        let name = format!("e2e_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut client = Client::connect(&server, NoTls).unwrap();
        client.batch_execute(&format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}")).unwrap();
        let joint = if server.contains('?') { '&' } else { '?' };
        Self { url: format!("{server}{joint}options=-c%20search_path%3D{name}"), name, server }
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        if let Ok(mut client) = Client::connect(&self.server, NoTls) {
            drop(client.batch_execute(&format!("DROP SCHEMA {} CASCADE", self.name)));
        }
    }
}
