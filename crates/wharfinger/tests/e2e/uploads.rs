//! Uploads that come in parts, out of order, not at all, or from somebody else.

use wharfinger_model::{Algorithm, Digest};

use crate::support::{Answer, Call, EVERY_SCOPE, Engine, Server, each_engine, engines};

const REPOSITORY: &str = "admin/app";
const OCTETS: &str = "application/octet-stream";

struct Setting {
    server: Server,
    token: String,
}

impl Setting {
    fn new() -> Self {
        let server = Server::start(Engine::Sqlite);
        let token = server.push_token(REPOSITORY);
        Self { server, token }
    }

    /// Begins an upload; where it is.
    fn begin(&self) -> String {
        let answer = self.server.v2(&self.token, "POST", REPOSITORY, "blobs/uploads/").send();
        answer.is_empty(202);
        let location = answer.header("location").unwrap();
        assert!(location.starts_with(&format!("/v2/{REPOSITORY}/blobs/uploads/")), "{location}");
        assert!(location.ends_with(answer.header("docker-upload-uuid").unwrap()), "{location}");
        location.to_owned()
    }

    fn call(&self, method: &str, path: &str) -> Call {
        self.server.call(method, path).bearer(&self.token)
    }

    fn part(&self, method: &str, path: &str, range: &str, bytes: &[u8]) -> Answer {
        self.call(method, path).header("content-range", range).body(OCTETS, bytes).send()
    }

    /// How far an upload has come.
    #[track_caller]
    fn stands_at(&self, upload: &str, range: &str) {
        let answer = self.call("GET", upload).send();
        answer.is_empty(204);
        assert_eq!(answer.header("range"), Some(range));
    }

    #[track_caller]
    fn has(&self, blob: &[u8]) {
        let answer = self.blob(&Digest::sha256(blob));
        assert_eq!((answer.status, answer.body.as_slice()), (200, blob));
    }

    fn blob(&self, digest: &Digest) -> Answer {
        self.server.v2(&self.token, "GET", REPOSITORY, &format!("blobs/{digest}")).send()
    }
}

#[test]
fn a_blob_comes_in_one_piece_in_parts_or_as_a_stream() {
    let setting = Setting::new();
    let blob = b"zero one two three";
    let digest = Digest::sha256(blob);

    let upload = setting.begin();
    setting.stands_at(&upload, "0-0");
    let answer = setting.part("PATCH", &upload, "0-4", &blob[..5]);
    answer.is_empty(202);
    assert_eq!((answer.header("range"), answer.header("location")), (Some("0-4"), Some(upload.as_str())));
    setting.part("PATCH", &upload, "5-8", &blob[5..9]).is_empty(202);
    let answer = setting.part("PUT", &format!("{upload}?digest={digest}"), "9-17", &blob[9..]);
    answer.is_empty(201);
    let location = format!("/v2/{REPOSITORY}/blobs/{digest}");
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
    setting.has(blob);
    setting.call("GET", &upload).send().is_oci_error(404, "BLOB_UPLOAD_UNKNOWN");

    let upload = setting.begin();
    setting.call("PATCH", &upload).streamed(b"streamed".as_slice()).send().is_empty(202);
    let digest = Digest::sha256(b"streamed");
    setting.call("PUT", &format!("{upload}?digest={digest}")).send().is_empty(201);
    setting.has(b"streamed");

    let upload = setting.begin();
    let digest = Digest::sha256(b"");
    setting.call("PUT", &format!("{upload}?digest={digest}")).send().is_empty(201);
    setting.has(b"");
    setting.server.push_blob(&setting.token, REPOSITORY, b"at once").send().is_empty(201);
    setting.has(b"at once");
}

#[test]
fn the_algorithm_may_be_said_first_or_only_at_the_end() {
    let setting = Setting::new();
    let blob = b"named by another algorithm";
    for (said, named) in [
        ("?digest-algorithm=sha512", Algorithm::Sha512),
        ("?digest-algorithm=sha512", Algorithm::Sha256),
        ("?digest-algorithm=sha256", Algorithm::Sha512),
        ("", Algorithm::Sha512),
    ] {
        let uploads = format!("blobs/uploads/{said}");
        let answer = setting.server.v2(&setting.token, "POST", REPOSITORY, &uploads).send();
        let upload = answer.header("location").unwrap();
        setting.part("PATCH", upload, "0-4", &blob[..5]).is_empty(202);
        let digest = named.digest(blob);
        let answer = setting.part("PUT", &format!("{upload}?digest={digest}"), "5-25", &blob[5..]);
        answer.is_empty(201);
        assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
        assert_eq!(setting.blob(&digest).body, blob);
        setting
            .server
            .v2(&setting.token, "DELETE", REPOSITORY, &format!("blobs/{digest}"))
            .send()
            .is_empty(202);
    }
    for bad in ["md5", "", "SHA512", "sha512%00"] {
        let uploads = format!("blobs/uploads/?digest-algorithm={bad}");
        let answer = setting.server.v2(&setting.token, "POST", REPOSITORY, &uploads).send();
        answer.is_oci_error(400, "DIGEST_INVALID");
    }
}

#[test]
fn an_upload_goes_on_after_a_restart() {
    for engine in engines() {
        for said in ["", "?digest-algorithm=sha512"] {
            let mut server = Server::start(engine);
            let token = server.push_token(REPOSITORY);
            let uploads = format!("blobs/uploads/{said}");
            let answer = server.v2(&token, "POST", REPOSITORY, &uploads).send();
            let upload = answer.header("location").unwrap().to_owned();
            server
                .call("PATCH", &upload)
                .bearer(&token)
                .body(OCTETS, b"before ".as_slice())
                .send()
                .is_empty(202);
            server.kill();
            server.wait();
            server.spawn();
            let answer = server.call("GET", &upload).bearer(&token).send();
            assert_eq!((answer.status, answer.header("range")), (204, Some("0-6")));
            let digest = Algorithm::Sha512.digest(b"before and after");
            let path = format!("{upload}?digest={digest}");
            let put = server.call("PUT", &path).bearer(&token).header("content-range", "7-15");
            put.body(OCTETS, b"and after".as_slice()).send().is_empty(201);
            let got = server.v2(&token, "GET", REPOSITORY, &format!("blobs/{digest}")).send();
            assert_eq!(got.body, b"before and after");
        }
    }
}

#[test]
fn the_same_blob_may_be_uploaded_many_times_at_once() {
    each_engine(|server| {
        let token = server.push_token(REPOSITORY);
        let blob: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 249) as u8).collect();
        let digest = Digest::sha256(&blob);
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (server, token, blob, digest) = (&server, &token, &blob, &digest);
                scope.spawn(move || {
                    if number % 2 == 0 {
                        server.push_blob(token, REPOSITORY, blob).send().is_empty(201);
                        return;
                    }
                    let answer = server.v2(token, "POST", REPOSITORY, "blobs/uploads/").send();
                    let upload = answer.header("location").unwrap();
                    let patch = server.call("PATCH", upload).bearer(token);
                    patch.streamed(blob.as_slice()).send().is_empty(202);
                    server
                        .call("PUT", &format!("{upload}?digest={digest}"))
                        .bearer(token)
                        .send()
                        .is_empty(201);
                });
            }
        });
        let got = server.v2(&token, "GET", REPOSITORY, &format!("blobs/{digest}")).send();
        assert!(got.status == 200 && got.body == blob);
    });
}

#[test]
fn a_part_out_of_order_is_refused_and_leaves_the_upload_as_it_was() {
    let setting = Setting::new();
    let blob = b"0123456789";
    let put = |upload: &str| format!("{upload}?digest={}", Digest::sha256(blob));
    let upload = setting.begin();
    setting.part("PATCH", &upload, "5-9", &blob[5..]).is_oci_error(416, "BLOB_UPLOAD_INVALID");
    setting.part("PATCH", &upload, "0-4", &blob[..5]).is_empty(202);
    for (range, bytes) in [("0-4", &blob[..5]), ("6-9", &blob[6..]), ("4-9", &blob[4..])] {
        for (method, path) in [("PATCH", upload.clone()), ("PUT", put(&upload))] {
            let answer = setting.part(method, &path, range, bytes);
            answer.is_oci_error(416, "BLOB_UPLOAD_INVALID");
            assert_eq!(
                (answer.header("range"), answer.header("location")),
                (Some("0-4"), Some(upload.as_str()))
            );
            setting.stands_at(&upload, "0-4");
        }
    }
    for range in ["5", "5-", "-9", "a-b", "9-5", "bytes 5-9", "5-99999999999999999999"] {
        let answer = setting.part("PATCH", &upload, range, &blob[5..]);
        answer.is_oci_error(400, "BLOB_UPLOAD_INVALID");
    }
    setting.part("PATCH", &upload, "5-8", &blob[5..]).is_oci_error(400, "SIZE_INVALID");
    setting.stands_at(&upload, "0-4");
    setting.part("PUT", &put(&upload), "5-9", &blob[5..]).is_empty(201);
    setting.has(blob);
}

#[test]
fn a_wrong_or_missing_digest_finishes_nothing() {
    let setting = Setting::new();
    let upload = setting.begin();
    setting.part("PATCH", &upload, "0-2", b"abc").is_empty(202);
    let (right, wrong) = (Digest::sha256(b"abc"), Digest::sha256(b"abcd"));
    setting.call("PUT", &upload).send().is_oci_error(400, "DIGEST_INVALID");
    setting.call("PUT", &format!("{upload}?digest=sha256:x")).send().is_oci_error(400, "DIGEST_INVALID");
    setting.call("PUT", &format!("{upload}?digest={wrong}")).send().is_oci_error(400, "DIGEST_INVALID");
    for digest in [&right, &wrong] {
        setting.blob(digest).is_oci_error(404, "BLOB_UNKNOWN");
    }
    setting.call("PUT", &format!("{upload}?digest={right}")).send().is_empty(201);
    setting.has(b"abc");
}

#[test]
fn a_body_that_breaks_off_adds_nothing() {
    let setting = Setting::new();
    let upload = setting.begin();
    setting.part("PATCH", &upload, "0-2", b"abc").is_empty(202);
    let digest = Digest::sha256(b"abcdefgh");
    for (method, path) in [
        ("PATCH", upload.clone()),
        ("PUT", format!("{upload}?digest={digest}")),
        ("POST", format!("/v2/{REPOSITORY}/blobs/uploads/?digest={digest}")),
    ] {
        for rest in ["content-length: 5\r\n\r\nde", "transfer-encoding: chunked\r\n\r\n5\r\ndefgh\r\n"] {
            let answer = setting.server.broken_off(method, &path, &setting.token, rest);
            assert!(answer.as_ref().is_none_or(|answer| answer.status == 400), "{answer:?}");
            setting.stands_at(&upload, "0-2");
            setting.blob(&digest).is_oci_error(404, "BLOB_UNKNOWN");
        }
    }
    setting.part("PUT", &format!("{upload}?digest={digest}"), "3-7", b"defgh").is_empty(201);
    setting.has(b"abcdefgh");
}

#[test]
fn an_upload_can_be_given_up() {
    let setting = Setting::new();
    let upload = setting.begin();
    setting.part("PATCH", &upload, "0-2", b"abc").is_empty(202);
    setting.call("DELETE", &upload).send().is_empty(204);
    let digest = Digest::sha256(b"abc");
    for (method, path) in [
        ("GET", upload.clone()),
        ("PATCH", upload.clone()),
        ("DELETE", upload.clone()),
        ("PUT", format!("{upload}?digest={digest}")),
    ] {
        setting.call(method, &path).send().is_oci_error(404, "BLOB_UPLOAD_UNKNOWN");
    }
    setting.blob(&digest).is_oci_error(404, "BLOB_UNKNOWN");
}

#[test]
fn nobody_else_sees_or_touches_an_upload() {
    let setting = Setting::new();
    let server = &setting.server;
    let upload = setting.begin();
    setting.part("PATCH", &upload, "0-2", b"abc").is_empty(202);
    let id = upload.rsplit('/').next().unwrap();
    server.add_user("writer");
    server.give_role(REPOSITORY, "writer", "write");
    let writer = server.token("writer", EVERY_SCOPE);
    let scopes = [format!("repository:{REPOSITORY}:pull,push"), "repository:writer/own:pull,push".to_owned()];
    let writer = server.registry_token("$oauthtoken", &writer, &[&scopes[0], &scopes[1]]);
    let other = server.push_token("admin/other");
    let digest = Digest::sha256(b"abc");
    for (token, repository, status, code) in [
        (&writer, REPOSITORY, 404, "BLOB_UPLOAD_UNKNOWN"),
        (&writer, "writer/own", 404, "BLOB_UPLOAD_UNKNOWN"),
        (&other, "admin/other", 404, "BLOB_UPLOAD_UNKNOWN"),
        (&other, REPOSITORY, 401, "UNAUTHORIZED"),
    ] {
        for (method, query) in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("PUT", digest.as_str())] {
            let query = if query.is_empty() { String::new() } else { format!("?digest={query}") };
            let answer = server.v2(token, method, repository, &format!("blobs/uploads/{id}{query}")).send();
            answer.is_oci_error(status, code);
        }
    }
    for id in ["x", "00000000-0000-4000-8000-000000000000", "..%2F..%2Fx", "%00"] {
        let answer =
            setting.server.v2(&setting.token, "GET", REPOSITORY, &format!("blobs/uploads/{id}")).send();
        assert_eq!(answer.status, 404, "{answer:?}");
    }
    setting.stands_at(&upload, "0-2");
}
