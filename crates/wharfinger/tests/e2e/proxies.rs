//! `X-Forwarded-*`: what a proxy says of its clients, believed only of those that are named.

use wharfinger_store::{Db, audit, repository};

use crate::support::{Answer, Engine, Server};

/// As a proxy sends it on: a client that made something up, and what the proxy added.
fn forwarded(server: &Server, path: &str) -> Answer {
    let call = server.call("GET", path).header("x-forwarded-for", "203.0.113.9, 192.0.2.1");
    call.header("x-forwarded-proto", "https").header("x-forwarded-host", "registry.example.com").send()
}

/// The address in the newest entry of the audit log that tells of `name`.
fn audited_address(server: &Server, name: &str) -> Option<String> {
    let (database, name) = (server.database(), name.parse::<wharfinger_model::RepositoryName>().unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let db = Db::open_sqlite(database.as_ref()).await.unwrap();
        let entries = db.read(move |tx| {
            let (repository, _, _) = repository::by_name(tx, &name)?.unwrap();
            audit::newest(tx, repository.id, 1)
        });
        let address = entries.await.unwrap().remove(0).address;
        db.close().await;
        address
    })
}

#[test]
fn a_proxy_is_believed_only_when_it_is_named() {
    for (trusted, base, address, secure) in [
        (Some("10.0.0.0/8,127.0.0.1"), "https://registry.example.com", "192.0.2.1", true),
        (Some("10.0.0.0/8, 127.0.0.2,::1"), "", "127.0.0.1", false),
        (None, "", "127.0.0.1", false),
    ] {
        let settings: Vec<_> = trusted.into_iter().map(|networks| ("trusted-proxies", networks)).collect();
        let server = Server::start_with(Engine::Sqlite, &settings);
        if trusted.is_some_and(|trusted| trusted.contains("127.0.0.1")) {
            assert_eq!(forwarded(&server, "/").status, 200);
            assert!(!server.has_said("X-Forwarded-* headers are ignored"));
        } else {
            assert_eq!(forwarded(&server, "/").status, 200);
            server.says(
                "if this is the address of your proxy, set trusted_proxies to it peer.address=127.0.0.1",
            );
        }
        let base = if base.is_empty() { &server.url } else { base };

        let challenge = forwarded(&server, "/v2/");
        let realm = format!("Bearer realm=\"{base}/v2/auth\"");
        assert!(challenge.header("www-authenticate").unwrap().starts_with(&realm), "{challenge:?}");
        let problem = forwarded(&server, "/api/v1/user/").json();
        assert_eq!(problem["type"], format!("{base}/api/v1/error/invalid_token"));
        let session = forwarded(&server, "/csrf_token");
        assert_eq!(session.header("set-cookie").unwrap().ends_with("; Secure"), secure, "{session:?}");

        let new = serde_json::json!({
            "namespace": "admin", "repository": "app", "visibility": "private", "description": "",
        });
        let call =
            server.by_admin("POST", "/api/v1/repository").header("x-forwarded-for", "203.0.113.9, 192.0.2.1");
        assert_eq!(call.json(&new).send().status, 201);
        assert_eq!(audited_address(&server, "admin/app").as_deref(), Some(address), "{trusted:?}");
    }
}

#[test]
fn the_public_url_goes_over_what_a_proxy_says() {
    let settings = [("trusted-proxies", "127.0.0.0/8"), ("public-url", "https://public.example.com")];
    let server = Server::start_with(Engine::Sqlite, &settings);
    let challenge = forwarded(&server, "/v2/");
    let realm = "Bearer realm=\"https://public.example.com/v2/auth\"";
    assert!(challenge.header("www-authenticate").unwrap().starts_with(realm), "{challenge:?}");
    let session = server.call("GET", "/csrf_token").send();
    assert!(session.header("set-cookie").unwrap().ends_with("; Secure"), "{session:?}");
}
