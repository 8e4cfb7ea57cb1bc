//! Blobs that are shown to another repository without being sent again.

use wharfinger_model::Digest;

use crate::support::{Answer, EVERY_SCOPE, Engine, Image, Server, each_engine};

#[test]
fn a_blob_is_mounted_from_where_it_may_be_pulled() {
    let server = Server::start(Engine::Sqlite);
    let image = Image::of("any");
    server.push("admin/source", "v1", &image);
    let digest = Digest::sha256(&image.blobs[1]);
    let mount = |token: &str, to: &str, query: &str| {
        server.v2(token, "POST", to, &format!("blobs/uploads/?mount={digest}{query}")).send()
    };
    let has = |token: &str, repository: &str| {
        server.v2(token, "HEAD", repository, &format!("blobs/{digest}")).send().status == 200
    };
    let both = server.registry_token(
        "$oauthtoken",
        &server.admin,
        &["repository:admin/target:pull,push", "repository:admin/source:pull"],
    );
    let answer = mount(&both, "admin/target", "&from=admin/source");
    answer.is_empty(201);
    let location = format!("/v2/admin/target/blobs/{digest}");
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert!(has(&both, "admin/target"));

    // Somebody else learns nothing: neither whether the blob nor whether the repository is there.
    server.add_user("stranger");
    let stranger = server.token("stranger", EVERY_SCOPE);
    let scopes = ["repository:stranger/own:pull,push", "repository:admin/source:pull"];
    let stranger = server.registry_token("$oauthtoken", &stranger, &scopes);
    for query in ["&from=admin/source", "&from=admin/missing", "&from=nobody/x", "&from=No", ""] {
        let answer = mount(&stranger, "stranger/own", query);
        answer.is_empty(202);
        assert!(
            answer.header("location").unwrap().starts_with("/v2/stranger/own/blobs/uploads/"),
            "{answer:?}"
        );
        assert!(!has(&stranger, "stranger/own"));
    }
    let own = server.push_token("admin/target");
    let missing = Digest::sha256(b"missing");
    let answer = server.v2(
        &both,
        "POST",
        "admin/target",
        &format!("blobs/uploads/?mount={missing}&from=admin/source"),
    );
    answer.send().is_empty(202);
    // Whoever could pull is told to get a token that says so.
    let answer = mount(&own, "admin/target", "&from=admin/source");
    answer.is_oci_error(401, "UNAUTHORIZED");
    assert!(
        answer.header("www-authenticate").unwrap().contains("repository:admin/source:pull"),
        "{answer:?}"
    );
}

/// Asks to mount a blob of which it is not said where it is.
fn mount(server: &Server, token: &str, to: &str, digest: &Digest) -> Answer {
    server.v2(token, "POST", to, &format!("blobs/uploads/?mount={digest}")).send()
}

#[test]
fn a_source_need_not_be_named() {
    each_engine(|server| {
        let (private, public) = (Image::of("private"), Image::of("public"));
        server.push("admin/private", "v1", &private);
        server.push("admin/public", "v1", &public);
        server
            .by_admin("POST", "/api/v1/repository/admin/public/changevisibility")
            .json(&serde_json::json!({"visibility": "public"}))
            .send();
        let [hidden, shown] = [&private, &public].map(|image| Digest::sha256(&image.blobs[1]));

        // What everybody may pull is found at once, by whoever may push.
        server.add_user("stranger");
        let stranger = server.token("stranger", EVERY_SCOPE);
        let stranger =
            server.registry_token("$oauthtoken", &stranger, &["repository:stranger/own:pull,push"]);
        mount(&server, &stranger, "stranger/own", &shown).is_empty(201);
        let rest = format!("blobs/{shown}");
        assert_eq!(server.v2(&stranger, "GET", "stranger/own", &rest).send().body, public.blobs[1]);
        mount(&server, &stranger, "stranger/own", &hidden).is_empty(202);
        mount(&server, &stranger, "stranger/own", &Digest::sha256(b"missing")).is_empty(202);

        // What is private is found where the token names it, and is nobody's business otherwise.
        let own = server.push_token("admin/target");
        mount(&server, &own, "admin/target", &hidden).is_empty(202);
        let scopes = ["repository:admin/target:pull,push", "repository:admin/private:pull"];
        let both = server.registry_token("$oauthtoken", &server.admin, &scopes);
        mount(&server, &both, "admin/target", &hidden).is_empty(201);
        mount(&server, &own, "admin/target", &hidden).is_empty(201);
        // Who may not push to the target learns nothing.
        mount(&server, &stranger, "admin/target", &shown).is_oci_error(401, "UNAUTHORIZED");
    });
}

#[test]
fn the_first_challenge_already_names_both_repositories() {
    let server = Server::start(Engine::Sqlite);
    let path = format!("/v2/admin/one/blobs/uploads/?from=admin/two&mount={}", Digest::sha256(b""));
    let answer = server.call("POST", &path).send();
    answer.is_oci_error(401, "UNAUTHORIZED");
    let challenge = answer.header("www-authenticate").unwrap();
    let scope = "scope=\"repository:admin/one:pull,push repository:admin/two:pull\"";
    assert!(challenge.contains(scope), "{challenge}");
}

#[test]
fn who_can_not_get_a_token_for_the_source_is_not_sent_for_one() {
    let server = Server::start(Engine::Sqlite);
    server.add_user("bob");
    let image = Image::of("private");
    let bob = server.token("bob", EVERY_SCOPE);
    let token = server.registry_token("$oauthtoken", &bob, &["repository:bob/private:pull,push"]);
    server.push_with(&token, "bob/private", "v1", &image);
    // A superuser who came by password is granted no more than anybody.
    let scopes = ["repository:admin/target:pull,push", "repository:bob/private:pull"];
    let admin = server.registry_token("admin", crate::support::ADMIN_PASSWORD, &scopes);
    let digest = Digest::sha256(&image.blobs[1]);
    let rest = format!("blobs/uploads/?mount={digest}&from=bob/private");
    server.v2(&admin, "POST", "admin/target", &rest).send().is_empty(202);
}
