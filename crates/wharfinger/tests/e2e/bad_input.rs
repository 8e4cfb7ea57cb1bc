//! What the distribution API refuses, with which code, and that nothing is left of it.

use serde_json::{Value, json};
use wharfinger_model::Digest;

use crate::support::{Engine, INDEX, Image, MANIFEST, Server};

const REPOSITORY: &str = "admin/app";
const OCTETS: &str = "application/octet-stream";

/// A registry with one image, and what it lists.
struct Setting {
    server: Server,
    token: String,
    image: Image,
    before: Value,
}

impl Setting {
    fn new() -> Self {
        let server = Server::start(Engine::Sqlite);
        let image = Image::of("there");
        server.push(REPOSITORY, "v1", &image);
        let (token, before) = (server.push_token(REPOSITORY), server.everything(REPOSITORY));
        Self { server, token, image, before }
    }

    fn call(&self, method: &str, rest: &str) -> crate::support::Call {
        self.server.v2(&self.token, method, REPOSITORY, rest)
    }

    #[track_caller]
    fn nothing_changed(&self) {
        assert_eq!(self.server.everything(REPOSITORY), self.before);
        let listed = self.call("GET", "tags/list").send().json();
        assert_eq!(listed, json!({"name": REPOSITORY, "tags": ["v1"]}));
        assert_eq!(self.server.pull(REPOSITORY, "v1"), Ok(self.image.digest()));
    }
}

/// The stored image's document with one member exchanged; `null` takes it away.
fn with(image: &Image, member: &str, value: Value) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(&image.manifest).unwrap();
    let members = document.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(member);
    } else {
        members.insert(member.to_owned(), value);
    }
    document.to_string().into_bytes()
}

#[test]
fn malformed_manifests_are_refused() {
    let setting = Setting::new();
    let image = &setting.image;
    let config =
        json!({"mediaType": "x", "digest": Digest::sha256(&image.blobs[0]), "size": image.blobs[0].len()});
    let sized = |size: Value| {
        let mut config = config.clone();
        config["size"] = size;
        with(image, "config", config)
    };
    let deep = format!("{{\"schemaVersion\": 2, \"x\": {}{}}}", "[".repeat(100), "]".repeat(100));
    let index = |entries: Value| json!({"schemaVersion": 2, "manifests": entries}).to_string().into_bytes();
    for (media_type, body) in [
        (MANIFEST, b"".to_vec()),
        (MANIFEST, b"{".to_vec()),
        (MANIFEST, b"null".to_vec()),
        (MANIFEST, b"[]".to_vec()),
        (MANIFEST, b"{}".to_vec()),
        (MANIFEST, b"\x00\xff".to_vec()),
        (MANIFEST, deep.into_bytes()),
        (MANIFEST, with(image, "schemaVersion", json!(null))),
        (MANIFEST, with(image, "schemaVersion", json!(3))),
        (MANIFEST, with(image, "schemaVersion", json!("2"))),
        (MANIFEST, with(image, "config", json!(null))),
        (MANIFEST, with(image, "config", json!("x"))),
        (MANIFEST, with(image, "layers", json!(null))),
        (MANIFEST, with(image, "layers", json!({}))),
        (MANIFEST, with(image, "layers", json!([{"digest": "sha256:abc", "size": 1, "mediaType": "x"}]))),
        (MANIFEST, with(image, "mediaType", json!(INDEX))),
        (MANIFEST, with(image, "manifests", json!([]))),
        (MANIFEST, with(image, "subject", json!({"digest": "x"}))),
        (MANIFEST, with(image, "annotations", json!({"a": 1}))),
        (MANIFEST, sized(json!(-1))),
        (MANIFEST, sized(json!("1"))),
        (MANIFEST, sized(json!(1e300))),
        (MANIFEST, sized(json!(u64::MAX))),
        (INDEX, image.manifest.clone()),
        (INDEX, index(json!("x"))),
        (INDEX, index(json!([{"mediaType": MANIFEST, "size": 1}]))),
        ("application/json", b"{\"schemaVersion\": 2}".to_vec()),
    ] {
        let shown = String::from_utf8_lossy(&body).into_owned();
        let answer = setting.call("PUT", "manifests/bad").body(media_type, body).send();
        assert_eq!(answer.status, 400, "{shown}: {answer:?}");
        answer.is_oci_error(400, "MANIFEST_INVALID");
    }
    setting.nothing_changed();
}

#[test]
fn manifests_of_types_that_are_not_supported_are_refused() {
    let setting = Setting::new();
    let schema_1 =
        json!({"schemaVersion": 1, "name": "x", "tag": "y", "fsLayers": [], "history": []}).to_string();
    for (media_type, body) in [
        ("application/vnd.docker.distribution.manifest.v1+json", schema_1.as_bytes()),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", schema_1.as_bytes()),
        ("application/json", schema_1.as_bytes()),
        ("text/plain", setting.image.manifest.as_slice()),
        ("application/vnd.example", setting.image.manifest.as_slice()),
    ] {
        let answer = setting.call("PUT", "manifests/bad").body(media_type, body).send();
        answer.is_oci_error(415, "MANIFEST_INVALID");
    }
    // It would be taken, were it not said to be something else.
    let other = setting.call("PUT", "manifests/bad");
    let other = other.body("application/vnd.example+json", setting.image.manifest.clone()).send();
    other.is_oci_error(400, "MANIFEST_INVALID");
    let encoded = setting.call("PUT", "manifests/bad").header("content-encoding", "gzip");
    encoded.body(MANIFEST, setting.image.manifest.clone()).send().is_oci_error(415, "UNSUPPORTED");
    setting.nothing_changed();
}

#[test]
fn a_manifest_over_the_limit_is_refused_whether_or_not_its_length_is_told() {
    let setting = Setting::new();
    let padding = json!({"padding": "x".repeat(4 * 1024 * 1024)});
    let body = with(&setting.image, "annotations", padding);
    for reference in ["bad".to_owned(), Digest::sha256(&body).to_string()] {
        let rest = format!("manifests/{reference}");
        setting.call("PUT", &rest).body(MANIFEST, body.clone()).send().is_oci_error(413, "MANIFEST_INVALID");
        let path = format!("/v2/{REPOSITORY}/{rest}");
        let streamed = setting.server.chunked("PUT", &path, &setting.token, MANIFEST, &body);
        streamed.is_oci_error(413, "MANIFEST_INVALID");
    }
    setting.nothing_changed();

    // One that just fits is taken.
    let room = 4 * 1024 * 1024 - with(&setting.image, "annotations", json!({"padding": ""})).len();
    let largest = with(&setting.image, "annotations", json!({"padding": "x".repeat(room)}));
    assert_eq!(largest.len(), 4 * 1024 * 1024);
    let call = setting.call("PUT", "manifests/large").header("content-type", MANIFEST);
    call.streamed(largest.clone()).send().is_empty(201);
    assert_eq!(setting.server.pull(REPOSITORY, "large"), Ok(Digest::sha256(&largest).to_string()));
}

#[test]
fn a_manifest_that_points_at_what_is_not_there_is_refused() {
    let setting = Setting::new();
    let foreign = Image::of("foreign");
    setting.server.push("admin/other", "v1", &foreign);
    let (missing, parent) = (Image::of("missing"), Image::index(&[&setting.image, &foreign]));
    let wrong_size = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": MANIFEST, "digest": setting.image.digest(), "size": setting.image.manifest.len() + 1},
    ]});
    for (media_type, body) in [
        (MANIFEST, missing.manifest.clone()),
        (MANIFEST, foreign.manifest.clone()),
        (INDEX, parent.manifest.clone()),
        (INDEX, Image::index(&[&missing]).manifest),
        (INDEX, wrong_size.to_string().into_bytes()),
    ] {
        for reference in ["bad".to_owned(), Digest::sha256(&body).to_string()] {
            let answer =
                setting.call("PUT", &format!("manifests/{reference}")).body(media_type, body.clone()).send();
            answer.is_oci_error(400, "MANIFEST_BLOB_UNKNOWN");
            let digest = answer.json()["errors"][0]["detail"]["digest"].as_str().unwrap().to_owned();
            assert!(digest.parse::<Digest>().is_ok());
        }
    }
    setting.nothing_changed();
}

#[test]
fn a_digest_that_is_not_the_contents_own_is_refused() {
    let setting = Setting::new();
    let other = Image::of("other");
    let rest = format!("manifests/{}", other.digest());
    let put = setting.call("PUT", &rest).body(MANIFEST, setting.image.manifest.clone()).send();
    put.is_oci_error(400, "DIGEST_INVALID");
    setting.server.push_blob(&setting.token, REPOSITORY, b"x").send().is_empty(201);

    let wrong = Digest::sha256(b"something else");
    let rest = format!("blobs/uploads/?digest={wrong}");
    setting.call("POST", &rest).body(OCTETS, "x").send().is_oci_error(400, "DIGEST_INVALID");
    setting.call("GET", &format!("blobs/{wrong}")).send().is_oci_error(404, "BLOB_UNKNOWN");
    setting.nothing_changed();
}

#[test]
fn names_tags_and_digests_that_are_none_are_refused() {
    let setting = Setting::new();
    let server = &setting.server;
    let hex = "a".repeat(64);
    for text in [
        "sha256:abc".to_owned(),
        format!("sha256:{}", hex.to_uppercase()),
        format!("SHA256:{hex}"),
        format!("md5:{}", &hex[..32]),
        format!("sha256:{hex}a"),
        format!("sha512:{hex}"),
        "sha256:".into(),
        format!("sha256:{}%00", &hex[..61]),
        format!("sha256:..%2F..%2F{hex}"),
    ] {
        for (method, rest) in [
            ("GET", format!("blobs/{text}")),
            ("HEAD", format!("blobs/{text}")),
            ("DELETE", format!("blobs/{text}")),
            ("GET", format!("manifests/{text}")),
            ("PUT", format!("manifests/{text}")),
            ("GET", format!("referrers/{text}")),
            ("POST", format!("blobs/uploads/?digest={text}")),
            ("POST", format!("blobs/uploads/?mount={text}&from=admin/other")),
        ] {
            let answer = setting.call(method, &rest).body(MANIFEST, setting.image.manifest.clone()).send();
            assert!(matches!(answer.status, 400 | 404), "{method} {rest}: {answer:?}");
            if method != "HEAD" && !text.contains("%2F") {
                answer.is_oci_error(400, "DIGEST_INVALID");
            }
        }
    }
    for tag in ["-x", ".x", "%C3%A4", "a%20b", "a%00b", "x".repeat(129).as_str()] {
        let put =
            setting.call("PUT", &format!("manifests/{tag}")).body(MANIFEST, setting.image.manifest.clone());
        assert_eq!(put.send().status, 400, "{tag}");
        setting.call("GET", &format!("manifests/{tag}")).send().is_oci_error(404, "MANIFEST_UNKNOWN");
        setting.call("DELETE", &format!("manifests/{tag}")).send().is_oci_error(404, "MANIFEST_UNKNOWN");
    }
    for name in
        ["Admin/app", "admin/a..b", "admin/-x", "admin/x_", "admin/%C3%A4", "admin/a%00b", "admin/..%2Fx"]
    {
        for (method, rest) in [("GET", "tags/list"), ("PUT", "manifests/v1"), ("POST", "blobs/uploads/")] {
            let answer = server.v2(&setting.token, method, name, rest).send();
            assert!(matches!(answer.status, 400 | 404), "{method} {name}: {answer:?}");
            assert!(answer.json()["errors"][0]["code"].is_string(), "{answer:?}");
        }
    }
    let long = format!("admin/{}", "x".repeat(250));
    server.v2(&setting.token, "GET", &long, "tags/list").send().is_oci_error(400, "NAME_INVALID");
    setting.nothing_changed();
}

#[test]
fn other_methods_are_refused_with_those_that_there_are() {
    let setting = Setting::new();
    let digest = setting.image.digest();
    for (method, rest, allow) in [
        ("POST", "manifests/v1".to_owned(), "GET, HEAD, PUT, DELETE"),
        ("PATCH", format!("manifests/{digest}"), "GET, HEAD, PUT, DELETE"),
        ("PUT", format!("blobs/{digest}"), "GET, HEAD, DELETE"),
        ("GET", "blobs/uploads/".into(), "POST"),
        ("DELETE", "tags/list".into(), "GET, HEAD"),
        ("POST", format!("referrers/{digest}"), "GET, HEAD"),
    ] {
        let answer = setting.call(method, &rest).send();
        answer.is_oci_error(405, "UNSUPPORTED");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {rest}");
    }
    setting.nothing_changed();
}
