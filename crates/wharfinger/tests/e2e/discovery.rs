//! Finding what is there: the catalog, lists of tags and referrers, page by page.

use std::time::Duration;

use serde_json::{Value, json};
use wharfinger_model::{Algorithm, Digest, RepositoryName, Timestamp};
use wharfinger_store::manifest::{self, NewManifest};
use wharfinger_store::{lifetime, repository};

use crate::support::{
    ADMIN_PASSWORD, Answer, EVERY_SCOPE, Engine, INDEX, Image, MANIFEST, Server, each_engine,
};

const REPOSITORY: &str = "admin/app";
const CATALOG: &str = "registry:catalog:*";

/// Where a list goes on.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    assert!(path.starts_with("/v2/"), "{link}");
    Some(path.to_owned())
}

/// Every page from this path on.
fn pages(server: &Server, token: &str, path: &str) -> Vec<Answer> {
    let mut pages = vec![server.call("GET", path).bearer(token).send()];
    while let Some(path) = next(pages.last().unwrap()) {
        assert!(pages.len() < 100, "the list never ends");
        pages.push(server.call("GET", &path).bearer(token).send());
    }
    assert!(pages.iter().all(|page| page.status == 200), "{pages:?}");
    pages
}

/// What lies under `member` on all pages.
fn all(pages: &[Answer], member: &str) -> Vec<Value> {
    pages.iter().flat_map(|page| page.json()[member].as_array().unwrap().clone()).collect()
}

#[test]
fn the_catalog_lists_what_its_caller_may_pull_page_by_page() {
    each_engine(|server| {
        for (name, visibility) in [
            ("admin/one", "private"),
            ("admin/two-x", "public"),
            ("admin/two", "private"),
            ("admin/two/x", "public"),
        ] {
            server.create_repository(name, visibility);
        }
        for name in ["admin-2", "reader", "stranger"] {
            server.add_user(name);
        }
        // Comes before all of `admin/`.
        let neighbour = server.token("admin-2", EVERY_SCOPE);
        server.ask_token("$oauthtoken", &neighbour, &["repository:admin-2/z:push"]);
        server.give_role("admin/one", "reader", "read");
        let (reader, stranger) = (server.token("reader", EVERY_SCOPE), server.token("stranger", EVERY_SCOPE));
        let public = ["admin/two-x", "admin/two/x"];
        let own = ["admin/one", "admin/two", "admin/two-x", "admin/two/x"];
        let everything = ["admin-2/z", "admin/one", "admin/two", "admin/two-x", "admin/two/x"];
        for (user, password, scopes, seen) in [
            ("$oauthtoken", &server.admin, &[CATALOG][..], &everything[..]),
            ("admin", &ADMIN_PASSWORD.to_owned(), &[CATALOG], &own),
            ("$oauthtoken", &reader, &[CATALOG], &["admin/one", "admin/two-x", "admin/two/x"]),
            ("$oauthtoken", &stranger, &[CATALOG], &public),
            ("$oauthtoken", &neighbour, &[CATALOG], &["admin-2/z", "admin/two-x", "admin/two/x"]),
        ] {
            let token = server.registry_token(user, password, scopes);
            for n in ["", "?n=1", "?n=2", "?n=5"] {
                let pages = pages(&server, &token, &format!("/v2/_catalog{n}"));
                assert_eq!(all(&pages, "repositories"), seen, "{user} {scopes:?} {n}");
                assert_eq!(pages[0].header("content-type"), Some("application/json"));
                let full = pages
                    .iter()
                    .rev()
                    .skip(1)
                    .map(|page| page.json()["repositories"].as_array().unwrap().len());
                assert!(full.into_iter().all(|length| format!("?n={length}") == n));
            }
        }
    });
}

#[test]
fn parameters_of_the_catalog_that_can_not_be_meant_are_ignored() {
    each_engine(|server| {
        let public = ["admin/two-x", "admin/two/x"];
        server.create_repository("admin/one", "private");
        for name in public {
            server.create_repository(name, "public");
        }
        let token = server.registry_token("admin", ADMIN_PASSWORD, &[CATALOG]);
        let ask = |query: &str| server.call("GET", &format!("/v2/_catalog?{query}")).bearer(&token).send();
        for query in ["n=0", "n=-1", "n=-99999999999999999999", "last=z", "last=admin/two/x"] {
            let answer = ask(query);
            assert_eq!((answer.json(), next(&answer)), (json!({"repositories": []}), None), "{query}");
        }
        let long = "x".repeat(8000);
        for query in [
            "n=x",
            "n=",
            "n=1e3",
            "n=99999999999999999999",
            "last=",
            "last=%00",
            "last=!%FF",
            &format!("n={long}"),
        ] {
            assert_eq!(ask(query).json()["repositories"].as_array().unwrap().len(), 3, "{query}");
        }
        assert_eq!(ask(&format!("last={long}")).json(), json!({"repositories": []}));
        assert_eq!(ask("last=admin/two%00zzz").json(), json!({"repositories": public}));

        server.by_admin("DELETE", "/api/v1/repository/admin/one").send().is_empty(204);
        assert_eq!(ask("").json(), json!({"repositories": public}));
    });
}

#[test]
fn whoever_asks_for_the_catalog_without_a_token_is_told_which_to_get() {
    let server = Server::start_with(Engine::Sqlite, &[("public-url", "https://registry.example.com")]);
    server.create_repository("admin/private", "private");
    server.create_repository("admin/public", "public");
    let answer = server.call("GET", "/v2/_catalog").send();
    answer.is_oci_error(401, "UNAUTHORIZED");
    let challenge = "Bearer realm=\"https://registry.example.com/v2/auth\",service=\"registry.example.com\",\
                     scope=\"registry:catalog:*\"";
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    let anonymous = server.call("GET", &format!("/v2/auth?service=test&scope={CATALOG}")).send();
    let token = anonymous.json()["token"].as_str().unwrap().to_owned();
    let ask = |method: &str| server.call(method, "/v2/_catalog").bearer(&token).send();
    assert_eq!(ask("GET").json(), json!({"repositories": ["admin/public"]}));
    ask("HEAD").is_empty(200);
    let refused = ask("POST");
    refused.is_oci_error(405, "UNSUPPORTED");
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
    server.call("GET", "/v2/_catalog").bearer("x").send().is_oci_error(401, "UNAUTHORIZED");
    // A short list would look like a whole one.
    for scopes in [&[][..], &["repository:admin/public:pull"]] {
        let token = server.registry_token("$oauthtoken", &server.admin, scopes);
        let answer = server.call("GET", "/v2/_catalog").bearer(&token).send();
        answer.is_oci_error(401, "UNAUTHORIZED");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(
            challenge.ends_with("scope=\"registry:catalog:*\",error=\"insufficient_scope\""),
            "{challenge}"
        );
    }
}

#[test]
fn tags_are_listed_page_by_page_and_those_that_have_expired_are_not() {
    each_engine(|server| {
        let digest: Digest = server.push(REPOSITORY, "zz", &Image::of("any")).parse().unwrap();
        server.seed(move |tx| {
            let (app, _, _) = repository::by_name(tx, &name())?.unwrap();
            let stored = manifest::by_digest(tx, app.id, &digest)?.unwrap();
            let start = Timestamp::from_ms(1_000_000);
            for number in 0..3000 {
                // Two of three have expired.
                let end = (number % 3 > 0).then_some(start + Duration::from_secs(1));
                let living = wharfinger_model::tag::Lifetime {
                    manifest: stored.id,
                    start,
                    end,
                    reversion: false,
                    immutable: false,
                };
                lifetime::begin(tx, app.id, &format!("v{number:04}").parse().unwrap(), &living)?;
            }
            Ok(())
        });
        let token = server.push_token(REPOSITORY);
        let living: Vec<_> = (0..3000).step_by(3).map(|number| json!(format!("v{number:04}"))).collect();
        let living = [living, vec![json!("zz")]].concat();
        for (query, expected) in [("", 1), ("?n=1001", 1), ("?n=500", 3), ("?n=333&last=", 4)] {
            let pages = pages(&server, &token, &format!("/v2/{REPOSITORY}/tags/list{query}"));
            assert_eq!((all(&pages, "tags"), pages.len()), (living.clone(), expected), "{query}");
        }
        let ask = |query: &str| server.v2(&token, "GET", REPOSITORY, &format!("tags/list?{query}")).send();
        assert_eq!(ask("last=v2990").json()["tags"], json!(["v2991", "v2994", "v2997", "zz"]));
        assert_eq!(ask("last=v2990&n=1").json()["tags"], json!(["v2991"]));
        assert_eq!((ask("n=0").json()["tags"].clone(), next(&ask("n=0"))), (json!([]), None));
    });
}

fn name() -> RepositoryName {
    REPOSITORY.parse().unwrap()
}

/// A repository and a token for it, with referrers of `subject` put into the store.
fn referred(server: &Server, subject: &Digest, referrers: Vec<(Digest, &'static str, usize)>) -> String {
    let token = server.push_token(REPOSITORY);
    let subject = subject.clone();
    server.seed(move |tx| {
        let (app, _, _) = repository::by_name(tx, &name())?.unwrap();
        for (digest, artifact_type, length) in &referrers {
            let annotations = json!({"note": "x".repeat(*length)}).to_string();
            let new = NewManifest {
                repository: app.id,
                digest,
                media_type: MANIFEST,
                layers_size: Some(0),
                subject: Some(&subject),
                artifact_type: Some(artifact_type),
                annotations: Some(&annotations),
                lease_end: Timestamp::YEAR_10000,
                wishes: Default::default(),
                content: annotations.as_bytes(),
            };
            manifest::insert(tx, &new, Timestamp::from_ms(1_000_000))?;
        }
        Ok(())
    });
    token
}

fn digests(pages: &[Answer]) -> Vec<Digest> {
    all(pages, "manifests").iter().map(|listed| listed["digest"].as_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn referrers_come_in_pages_inside_what_is_filtered() {
    each_engine(|server| {
        let subject = Digest::sha256(b"subject");
        let types = ["application/vnd.a+json", "application/vnd.b+json", "application/vnd.c+json"];
        let all: Vec<_> = (0..2500_usize)
            .map(|number| (Digest::sha256(number.to_string().as_bytes()), types[number % 3], 10))
            .collect();
        let token = referred(&server, &subject, all.clone());
        let sorted = |wanted: Option<&str>| {
            let of_type = all.iter().filter(|(_, of, _)| wanted.is_none_or(|wanted| wanted == *of));
            let mut digests: Vec<_> = of_type.map(|(digest, ..)| digest.clone()).collect();
            digests.sort_unstable();
            digests
        };
        let path = format!("/v2/{REPOSITORY}/referrers/{subject}");
        for (query, expected) in [("", 3), ("?n=5000", 3), ("?n=600", 5)] {
            let pages = pages(&server, &token, &format!("{path}{query}"));
            assert_eq!((digests(&pages), pages.len()), (sorted(None), expected), "{query}");
            for page in &pages {
                assert_eq!(page.header("content-type"), Some(INDEX));
                assert_eq!(page.header("oci-filters-applied"), None);
            }
        }
        let filtered =
            pages(&server, &token, &format!("{path}?artifactType=application%2Fvnd.b%2Bjson&n=400"));
        assert_eq!((digests(&filtered), filtered.len()), (sorted(Some(types[1])), 3));
        assert!(filtered.iter().all(|page| page.header("oci-filters-applied") == Some("artifactType")));

        // The next page is the same whatever comes or goes meanwhile.
        let first = server.call("GET", &format!("{path}?n=1000")).bearer(&token).send();
        let order = sorted(None);
        for gone in [&order[999], &order[1000]] {
            server.v2(&token, "DELETE", REPOSITORY, &format!("manifests/{gone}")).send().is_empty(202);
        }
        let second = server.call("GET", &next(&first).unwrap()).bearer(&token).send();
        assert_eq!(digests(&[second])[..], order[1001..2001]);
    });
}

#[test]
fn a_page_of_referrers_is_no_larger_than_clients_take() {
    let server = Server::start(Engine::Sqlite);
    let subject = Digest::sha256(b"subject");
    let large: Vec<_> =
        (0..9_u8).map(|number| (Digest::sha256(&[number]), "application/x", 1 << 20)).collect();
    let mut order: Vec<_> = large.iter().map(|(digest, ..)| digest.clone()).collect();
    order.sort_unstable();
    let token = referred(&server, &subject, large);
    let pages = pages(&server, &token, &format!("/v2/{REPOSITORY}/referrers/{subject}"));
    assert_eq!((digests(&pages), pages.len()), (order, 3));
    assert!(pages.iter().all(|page| page.body.len() <= 4 << 20));
}

#[test]
fn parameters_of_referrers_that_can_not_be_meant_are_ignored() {
    each_engine(|server| {
        let subject = Digest::sha256(b"subject");
        let one = Digest::sha256(b"1");
        let token = referred(&server, &subject, vec![(one.clone(), "application/x", 1)]);
        let ask = |query: &str| {
            let answer = server.v2(&token, "GET", REPOSITORY, &format!("referrers/{subject}?{query}")).send();
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (200, Some(INDEX)),
                "{query}: {answer:?}"
            );
            answer
        };
        let long = "x".repeat(8000);
        for query in [
            "n=x",
            "n=99999999999999999999",
            "last=%00",
            "last=!%FF",
            "artifactType=",
            "artifactType=a%00b",
            // Several are no filter of the specification, and what is filtered by is said.
            "artifactType=application/x&artifactType=application/y",
            &format!("artifactType={long}"),
            &format!("n={long}"),
        ] {
            let answer = ask(query);
            assert_eq!(digests(std::slice::from_ref(&answer)), std::slice::from_ref(&one), "{query}");
            assert_eq!(answer.header("oci-filters-applied"), None, "{query}");
        }
        for query in
            ["n=0", "n=-1", &format!("last={long}"), "last=sha256:g", "artifactType=application/%20!%FF"]
        {
            let answer = ask(query);
            assert_eq!((answer.json()["manifests"].clone(), next(&answer)), (json!([]), None), "{query}");
        }
    });
}

/// An image that names `subject`, if there is one.
fn artifact(subject: Option<&Digest>, content: &str) -> Image {
    let mut image = Image::of(content);
    let mut document: Value = serde_json::from_slice(&image.manifest).unwrap();
    if let Some(subject) = subject {
        document["subject"] = json!({"mediaType": MANIFEST, "digest": subject, "size": 1});
    }
    document["artifactType"] = json!("application/vnd.own");
    image.manifest = document.to_string().into_bytes();
    image
}

/// The index that a client which does not know the API keeps of these.
fn put_down(images: &[&Image]) -> Image {
    let manifests: Vec<_> = images
        .iter()
        .map(|image| {
            json!({
                "mediaType": MANIFEST, "digest": image.digest(), "size": image.manifest.len(),
                "artifactType": "application/vnd.put-down", "annotations": {"by": "the index"},
            })
        })
        .collect();
    let document = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    Image { media_type: INDEX, manifest: document.to_string().into_bytes(), blobs: Vec::new() }
}

#[test]
fn what_older_clients_have_put_down_under_the_subjects_tag_is_among_its_referrers() {
    each_engine(|server| {
        for subject in [Digest::sha256(b"subject"), Algorithm::Sha512.digest(b"subject")] {
            let tag = format!("{}-{}", subject.algorithm().as_str(), &subject.hex()[..64]);
            let kind = subject.algorithm().as_str();
            let token = server.push_token(REPOSITORY);
            let other = Digest::sha256(b"other");
            let own = artifact(Some(&subject), &format!("own {kind}"));
            let foreign = artifact(Some(&other), &format!("foreign {kind}"));
            let mut plain: Vec<_> =
                ["one", "two", "three"].map(|name| artifact(None, &format!("{name} {kind}"))).into();
            for image in plain.iter().chain([&own, &foreign]) {
                server.push_with(&token, REPOSITORY, &image.digest(), image);
            }
            plain.sort_unstable_by_key(Image::digest);
            let list = |query: &str| {
                let path = format!("/v2/{REPOSITORY}/referrers/{subject}?{query}");
                let pages = pages(&server, &token, &path);
                let digests: Vec<_> = digests(&pages).iter().map(ToString::to_string).collect();
                assert!(digests.is_sorted());
                (digests, pages)
            };
            assert_eq!(list("").0, [own.digest()]);

            let index = put_down(&[&own, &foreign, &plain[0], &plain[1], &plain[2], &plain[0]]);
            server.push(REPOSITORY, &tag, &index);
            let mut expected: Vec<_> = plain.iter().chain([&own]).map(Image::digest).collect();
            expected.sort_unstable();
            for query in ["", "n=1", "n=2", "n=3"] {
                assert_eq!(list(query).0, expected, "{query}");
            }
            let listed = all(&list("").1, "manifests");
            let found =
                |image: &Image| listed.iter().find(|it| it["digest"] == image.digest()).unwrap().clone();
            assert_eq!(
                found(&plain[0]),
                json!({
                    "mediaType": MANIFEST, "digest": plain[0].digest(), "size": plain[0].manifest.len(),
                    "artifactType": "application/vnd.put-down", "annotations": {"by": "the index"},
                })
            );
            assert_eq!(found(&own)["artifactType"], "application/vnd.own");
            let (filtered, pages) = list("artifactType=application/vnd.put-down&n=1");
            assert_eq!(filtered, plain.iter().map(Image::digest).collect::<Vec<_>>());
            assert_eq!(pages[0].header("oci-filters-applied"), Some("artifactType"));
            assert_eq!(list("artifactType=application/vnd.own").0, [own.digest()]);

            // What can't be pulled any more is not listed any more.
            server.push(REPOSITORY, &tag, &put_down(&[&plain[0], &plain[1]]));
            let old = format!("manifests/{}", index.digest());
            server.v2(&token, "DELETE", REPOSITORY, &old).send().is_empty(202);
            let gone = format!("manifests/{}", own.digest());
            server.v2(&token, "DELETE", REPOSITORY, &gone).send().is_empty(202);
            assert_eq!(list("").0, [plain[0].digest(), plain[1].digest()]);
            // Nor is what stands under a tag that is dead, or is no index.
            server.v2(&token, "DELETE", REPOSITORY, &format!("manifests/{tag}")).send().is_empty(202);
            assert_eq!(list("").0, [] as [String; 0]);
            server.push(REPOSITORY, &tag, &plain[0]);
            assert_eq!(list("").0, [] as [String; 0]);
        }
    });
}
