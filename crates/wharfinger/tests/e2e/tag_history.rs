//! The history of a tag as the distribution API tells it, and where clients find out that it does.

use serde_json::{Value, json};

use crate::support::{Answer, EVERY_SCOPE, Engine, INDEX, Image, Server, each_engine, engines, tick};

const REPOSITORY: &str = "admin/app";
const TIMESTAMP: &str = "org.opencontainers.distribution.tag.timestamp";
const EVENT: &str = "org.opencontainers.distribution.tag.event";

struct Setting {
    server: Server,
    token: String,
    images: [Image; 2],
}

impl Setting {
    /// A tag that was pushed, moved, deleted, brought back and moved again.
    fn new(server: Server) -> Self {
        let images = ["a", "b"].map(Image::of);
        let digests = images.each_ref().map(|image| server.push(REPOSITORY, "latest", image));
        assert_eq!(server.delete_tag(REPOSITORY, "latest").status, 204);
        assert_eq!(server.restore(REPOSITORY, "latest", &digests[0]).status, 201);
        server.changes(REPOSITORY, "latest", &json!({"manifest_digest": digests[1]}));
        server.push(REPOSITORY, "other", &images[0]);
        let token = server.push_token(REPOSITORY);
        Self { server, token, images }
    }

    fn ask(&self, rest: &str) -> Answer {
        self.server.v2(&self.token, "GET", REPOSITORY, &format!("_oci/tag-history/{rest}")).send()
    }

    /// The descriptors of an answer.
    #[track_caller]
    fn told(&self, rest: &str) -> Vec<Value> {
        let answer = self.ask(rest);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(INDEX)), "{rest}: {answer:?}");
        let index = answer.json();
        assert_eq!((&index["schemaVersion"], &index["mediaType"]), (&json!(2), &json!(INDEX)));
        index["manifests"].as_array().unwrap().clone()
    }

    /// An event as this test writes it: what happened, and to which of the two images.
    fn short(&self, descriptor: &Value) -> (String, usize) {
        let is_of = |image: &Image| descriptor["digest"] == image.digest();
        let number = self.images.iter().position(is_of).unwrap();
        assert_eq!(descriptor["mediaType"], self.images[number].media_type);
        assert_eq!(descriptor["size"], self.images[number].manifest.len());
        (descriptor["annotations"][EVENT].as_str().unwrap().to_owned(), number)
    }

    #[track_caller]
    fn is(&self, rest: &str, events: &[(&str, usize)]) {
        let told: Vec<_> = self.told(rest).iter().map(|descriptor| self.short(descriptor)).collect();
        let events: Vec<_> = events.iter().map(|(event, image)| ((*event).to_owned(), *image)).collect();
        assert_eq!(told, events, "{rest}");
    }
}

const WHOLE: [(&str, usize); 5] =
    [("created", 1), ("created", 0), ("deleted", 1), ("created", 1), ("created", 0)];

fn time(descriptor: &Value) -> String {
    descriptor["annotations"][TIMESTAMP].as_str().unwrap().to_owned()
}

#[test]
fn a_history_tells_every_change_newest_first() {
    each_engine(|server| {
        let setting = Setting::new(server);
        setting.is("latest", &WHOLE);
        let times: Vec<_> = setting.told("latest").iter().map(time).collect();
        assert!(times.windows(2).all(|pair| pair[0] > pair[1]), "{times:?}");
        assert!(times.iter().all(|time| time.len() == "2026-08-03T09:05:07.120Z".len()), "{times:?}");
        setting.is("never", &[]);
        let [_, b] = setting.images.each_ref().map(Image::digest);
        setting.is(&format!("latest?digest={b}"), &[("created", 1), ("deleted", 1), ("created", 1)]);
        let missing = wharfinger_model::Digest::sha256(b"missing");
        setting.is(&format!("latest?digest={missing}"), &[]);
        let (newest, third) = (&times[0], &times[2]);
        setting.is(&format!("latest?before={newest}"), &WHOLE[1..]);
        setting.is(&format!("latest?since={third}"), &WHOLE[..2]);
        setting.is(&format!("latest?since={third}&before={newest}"), &WHOLE[1..2]);
        setting.is(&format!("latest?since={newest}"), &[]);
        setting.is("latest?before=1999-12-31T23:59:59-05:00", &[]);
        setting.is("latest?since=1999-12-31T23:59:59+05:00&before=1999-12-31T23:59:59%2B01:00", &[]);
        // Between two milliseconds.
        let finer = third.replace('Z', "000001Z");
        setting.is(&format!("latest?before={finer}"), &WHOLE[2..]);
        setting.is(&format!("latest?since={finer}"), &WHOLE[..2]);
    });
}

#[test]
fn a_long_history_comes_in_pages() {
    let setting = Setting::new(Server::start(Engine::Sqlite));
    assert_eq!(setting.told("latest?n=0"), [] as [Value; 0]);
    for last in ["n=0", "n=5", "n=100"] {
        assert_eq!(setting.ask(&format!("latest?{last}")).header("link"), None, "{last}");
    }
    let b = setting.images[1].digest();
    for (filter, whole) in [("", 5), (&*format!("&digest={b}"), 3), ("&since=1999-12-31T23:59:59Z", 5)] {
        for n in 1..=4 {
            let mut path = format!("/v2/{REPOSITORY}/_oci/tag-history/latest?n={n}{filter}");
            let mut found = Vec::new();
            loop {
                let answer = setting.server.call("GET", &path).bearer(&setting.token).send();
                let page = answer.json()["manifests"].as_array().unwrap().clone();
                assert!(page.len() <= n);
                found.extend(page);
                let Some(link) = answer.header("link") else { break };
                assert_eq!(found.len() % n, 0, "only the last page is short");
                path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
            }
            assert_eq!(found, setting.told(&format!("latest?n=100{filter}")), "{n}{filter}");
            assert_eq!(found.len(), whole);
        }
    }
}

#[test]
fn an_expiry_is_a_deletion_when_its_time_has_come() {
    each_engine(|server| {
        let setting = Setting::new(server);
        let soon = crate::support::now_s() + 2;
        let digest = setting.images[0].digest();
        setting.server.changes(REPOSITORY, "brief", &json!({"manifest_digest": digest, "expiration": soon}));
        setting.is("brief", &[("created", 0)]);
        let history = format!("/v2/{REPOSITORY}/_oci/tag-history/brief");
        let ask = |server: &Server| server.call("GET", &history).bearer(&setting.token).send();
        let over = setting
            .server
            .eventually(ask, |answer| answer.json()["manifests"][0]["annotations"][EVENT] == "deleted");
        let told = over.json()["manifests"].as_array().unwrap().clone();
        assert_eq!(told.len(), 2);
        let expected = wharfinger_model::Rfc3339(wharfinger_model::Timestamp::from_ms(soon * 1000));
        assert_eq!(time(&told[0]), expected.to_string());
    });
}

#[test]
fn a_history_outlives_the_tag_and_the_manifest() {
    for engine in engines() {
        let mut setting = Setting::new(Server::start(engine));
        let rest = format!("manifests/{}", setting.images[1].digest());
        tick();
        setting.server.v2(&setting.token, "DELETE", REPOSITORY, &rest).send().is_empty(202);
        let mut whole = vec![("deleted", 1)];
        whole.extend(WHOLE);
        setting.is("latest", &whole);
        setting.server.stop();
        setting.server.spawn();
        setting.is("latest", &whole);
    }
}

#[test]
fn whoever_may_pull_may_look_and_nobody_else() {
    let setting = Setting::new(Server::start(Engine::Sqlite));
    let server = &setting.server;
    server.add_user("stranger");
    let stranger = server.token("stranger", EVERY_SCOPE);
    let stranger = server.registry_token("$oauthtoken", &stranger, &["repository:admin/app:pull"]);
    for repository in [REPOSITORY, "admin/missing", "nobody/x"] {
        for rest in ["_oci/tag-history/latest", "_oci/tag-history/latest?n=x", "_oci/ext/discover"] {
            server.v2(&stranger, "GET", repository, rest).send().is_oci_error(401, "UNAUTHORIZED");
        }
    }
    let path = format!("/v2/{REPOSITORY}/_oci/tag-history/latest");
    let challenge = server.call("GET", &path).send();
    let challenge = challenge.header("www-authenticate").unwrap();
    assert!(challenge.contains("scope=\"repository:admin/app:pull\""), "{challenge}");
    // To who may read it, a repository that is missing has no history.
    let token = server.registry_token("$oauthtoken", &server.admin, &["repository:admin/missing:pull"]);
    let answer = server.v2(&token, "GET", "admin/missing", "_oci/tag-history/latest").send();
    assert_eq!((answer.status, &answer.json()["manifests"]), (200, &json!([])));
}

#[test]
fn a_question_that_can_not_be_read_is_refused() {
    let setting = Setting::new(Server::start(Engine::Sqlite));
    for (rest, code) in [
        ("latest?n=x", "INVALID_REQUEST"),
        ("latest?n=-1", "INVALID_REQUEST"),
        ("latest?n=", "INVALID_REQUEST"),
        ("latest?before=yesterday", "INVALID_REQUEST"),
        ("latest?since=2026-08-03", "INVALID_REQUEST"),
        ("latest?since=%00", "INVALID_REQUEST"),
        ("latest?digest=sha256:x", "DIGEST_INVALID"),
        ("latest?digest=", "DIGEST_INVALID"),
        ("-no", "TAG_INVALID"),
        ("%00", "TAG_INVALID"),
    ] {
        setting.ask(rest).is_oci_error(400, code);
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        for path in [format!("/v2/{REPOSITORY}/_oci/tag-history/latest"), "/v2/_oci/ext/discover".to_owned()]
        {
            let answer = setting.server.call(method, &path).bearer(&setting.token).send();
            answer.is_oci_error(405, "UNSUPPORTED");
        }
    }
    for path in ["/v2/_oci/tag-history/latest", "/v2/_oci/ext", "/v2/_oci/x/y", "/v2/admin/app/_oci/x/y"] {
        let answer = setting.server.call("GET", path).bearer(&setting.token).send();
        answer.is_oci_error(404, "UNSUPPORTED");
    }
}

#[test]
fn clients_can_discover_that_histories_are_told() {
    let setting = Setting::new(Server::start(Engine::Sqlite));
    for path in ["/v2/_oci/ext/discover".to_owned(), format!("/v2/{REPOSITORY}/_oci/ext/discover")] {
        let answer = setting.server.call("GET", &path).bearer(&setting.token).send();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let extensions = answer.json()["extensions"].as_array().unwrap().clone();
        assert_eq!(extensions.len(), 1);
        assert_eq!(extensions[0]["name"], "_oci");
        assert!(extensions[0]["url"].as_str().unwrap().starts_with("https://"));
        assert_eq!(extensions[0]["endpoints"], json!(["_oci/ext/discover", "_oci/tag-history"]));
        setting.server.call("GET", &path).send().is_oci_error(401, "UNAUTHORIZED");
    }
}
