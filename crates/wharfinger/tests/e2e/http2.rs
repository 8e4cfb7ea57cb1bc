//! HTTP/2 in the clear, and request targets of any length in either protocol.

use serde_json::json;

use crate::support::{Connection, Engine, Server, get};

#[test]
fn clients_that_know_may_speak_http2_in_the_clear() {
    let server = Server::start(Engine::Sqlite);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        let mut connection = Connection::http2(stream).await;
        let challenge = connection.send(get(&server, "/v2/")).await;
        challenge.is_oci_error(401, "UNAUTHORIZED");
        let realm = format!("Bearer realm=\"{}/v2/auth\"", server.url);
        assert!(challenge.header("www-authenticate").unwrap().starts_with(&realm), "{challenge:?}");
        let long = connection.send(get(&server, &format!("/v2/{}", "a".repeat(8189)))).await;
        long.is_oci_error(414, "UNSUPPORTED");
    });
}

#[test]
fn a_target_of_more_than_8_kib_is_refused_in_the_shape_of_its_api() {
    const LIMIT: usize = 8 * 1024;
    let server = Server::start(Engine::Sqlite);
    let ask = |beginning: &str, length: usize| {
        server.call("GET", &format!("{beginning}{}", "a".repeat(length - beginning.len()))).send()
    };
    for beginning in ["/v2/", "/v2/auth?service=", "/v2/a/b/tags/list?last="] {
        ask(beginning, LIMIT + 1).is_oci_error(414, "UNSUPPORTED");
        assert_ne!(ask(beginning, LIMIT).status, 414, "{beginning}");
    }
    for beginning in ["/api/v1/", "/api/v1/repository/admin/a/tag/?specificTag="] {
        let message = "the path and query of a request must not be longer than 8 KiB";
        ask(beginning, LIMIT + 1).is(414, json!({"message": message}));
        assert_ne!(ask(beginning, LIMIT).status, 414, "{beginning}");
    }
    let page = ask("/?", LIMIT + 1);
    assert_eq!((page.status, page.header("content-type")), (414, Some("text/plain; charset=utf-8")));
    assert_eq!(ask("/?", LIMIT).status, 200);
}
