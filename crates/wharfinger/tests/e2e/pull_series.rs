//! Pulls over time: what is told, in which shapes, and what is refused.

use serde_json::{Value, json};
use wharfinger_model::Rfc3339;

use crate::support::{Answer, Engine, Image, Server, date, each_engine, now_s, tag_path};

const REPOSITORY: &str = "admin/app";
const DAY_S: i64 = 24 * 3600;

fn series_of_tag(tag: &str) -> String {
    format!("{}/pull_statistics/series", tag_path(REPOSITORY, tag))
}

fn pull(server: &Server, token: &str, method: &str, reference: &str, user_agent: &str) {
    let call = server.v2(token, method, REPOSITORY, &format!("manifests/{reference}"));
    let answer = call.header("user-agent", user_agent).send();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// How many pulls an answer tells of in all.
fn total(answer: &Answer) -> i64 {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["points"].as_array().unwrap().iter().map(|point| point["pulls"].as_i64().unwrap()).sum()
}

/// Waits for as many pulls.
fn come_to(server: &Server, path: &str, pulls: i64) -> Value {
    server.eventually(|server| server.by_admin("GET", path).send(), |answer| total(answer) == pulls).json()
}

/// The sum of a kind of pulls over all points.
fn sum(series: &Value, method: &str, client: &str) -> i64 {
    let points = series["points"].as_array().unwrap();
    points.iter().map(|point| point[method][client].as_i64().unwrap()).sum()
}

#[test]
fn pulls_are_told_over_time_of_tags_manifests_and_repositories() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
        server.changes(REPOSITORY, "v2", &json!({"manifest_digest": digest}));
        let token = server.push_token(REPOSITORY);
        let since = now_s() - 2 * 3600;
        for (method, reference, user_agent) in [
            ("HEAD", "v1", "docker/27.3.1 go/go1.22"),
            ("GET", "v1", "docker/27.3.1 go/go1.22"),
            ("GET", digest.as_str(), "containerd/v2.0.0"),
            ("GET", "v1", "buildkit/v0.17"),
            ("HEAD", "v2", "trivy/0.56.2"),
            ("GET", "v2", "curl/8.5.0"),
        ] {
            pull(&server, &token, method, reference, user_agent);
        }
        let of_manifest = format!("/api/v1/repository/{REPOSITORY}/manifest/{digest}/pull_statistics/series");
        let of_repository = format!("/api/v1/repository/{REPOSITORY}/pull_statistics/series");
        for (path, pulls) in
            [(series_of_tag("v1"), 3), (series_of_tag("v2"), 2), (of_manifest, 6), (of_repository.clone(), 6)]
        {
            let hours = come_to(&server, &format!("{path}?step=hour&from={since}"), pulls);
            assert_eq!(hours["step"], "hour");
            assert!(hours["points"].as_array().unwrap().len() >= 3, "{hours}");
            for step in ["day", "month"] {
                come_to(&server, &format!("{path}?step={step}"), pulls);
            }
        }
        let days = come_to(&server, &of_repository, 6);
        for (method, client, pulls) in [
            ("get", "engine", 2),
            ("get", "builder", 1),
            ("get", "monitor", 0),
            ("get", "other", 1),
            ("head", "engine", 1),
            ("head", "builder", 0),
            ("head", "monitor", 1),
            ("head", "other", 0),
        ] {
            assert_eq!(sum(&days, method, client), pulls, "{method} {client}: {days}");
        }
        let points = days["points"].as_array().unwrap();
        assert!(points.len() >= 31);
        assert!(points.iter().any(|point| point["unique_clients"] == json!(1)), "{days}");
        let none = json!({"engine": 0, "builder": 0, "monitor": 0, "other": 0});
        let start = points[0]["start"].as_str().unwrap();
        let empty = json!({"start": start, "pulls": 0, "get": none, "head": none, "unique_clients": 0});
        assert_eq!((&days["from"], &points[0]), (&json!(start), &empty));
        assert!(start.ends_with("T00:00:00Z") && Rfc3339::parse(start).is_some(), "{start}");

        let top = server.by_admin("GET", "/api/v1/user/pull_statistics/top?limit=1").send();
        let expected = json!([{"repository": "app", "tag": "v1", "pulls": 3}]);
        assert_eq!((top.status, &top.json()["tags"]), (200, &expected), "{top:?}");
    });
}

#[test]
fn csv_is_told_to_whoever_asks_for_it() {
    let server = Server::start(Engine::Sqlite);
    server.push(REPOSITORY, "v1", &Image::of("any"));
    let token = server.push_token(REPOSITORY);
    pull(&server, &token, "GET", "v1", "docker/27");
    let path = series_of_tag("v1");
    come_to(&server, &path, 1);
    let from = (now_s() / DAY_S - 1) * DAY_S;
    let asked = format!("{path}?from={from}&to={}", from + DAY_S);
    let by_format = server.by_admin("GET", &format!("{asked}&format=csv")).send();
    let by_accept = server.by_admin("GET", &asked).header("accept", "text/csv").send();
    let json = server.by_admin("GET", &format!("{asked}&format=json")).header("accept", "text/csv").send();
    assert_eq!(json.json()["points"].as_array().unwrap().len(), 1);
    assert_eq!(by_format.body, by_accept.body);
    assert_eq!(by_format.header("content-type"), Some("text/csv; charset=utf-8"));
    let start = json.json()["points"][0]["start"].as_str().unwrap().to_owned();
    let expected = format!(
        "start,pulls,get_engine,get_builder,get_monitor,get_other,\
         head_engine,head_builder,head_monitor,head_other,unique_clients\r\n{start},0,0,0,0,0,0,0,0,0,0\r\n"
    );
    assert_eq!(by_format.text(), expected);
    let top = server.by_admin("GET", "/api/v1/user/pull_statistics/top?format=csv").send();
    assert_eq!(top.text(), "repository,tag,pulls\r\napp,v1,1\r\n");
}

#[test]
fn what_can_not_be_meant_is_refused_and_what_is_not_there_is_not_found() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
    let invalid = [
        ("step=week", "the parameter `step` must be `hour`, `day` or `month`"),
        ("format=xml", "the parameter `format` must be `json` or `csv`"),
        ("from=2026-08-03T00:00:00Z&to=2026-08-02T00:00:00Z", "`to` must not lie before `from`"),
        (
            "step=hour&from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
            "that would be more than 10000 buckets: ask for fewer, or longer ones",
        ),
    ];
    let manifest = format!("/api/v1/repository/{REPOSITORY}/manifest/{digest}/pull_statistics/series");
    let repository = format!("/api/v1/repository/{REPOSITORY}/pull_statistics/series");
    for path in [series_of_tag("v1"), manifest, repository] {
        for (query, detail) in invalid {
            let answer = server.by_admin("GET", &format!("{path}?{query}")).send();
            answer.is_problem(&server.url, 400, "invalid_request", detail);
        }
        for bad in ["yesterday", "2026-08-03", "-1", "1e9", "2026-13-01T00:00:00Z", "99999999999999999999"] {
            for name in ["from", "to"] {
                let answer = server.by_admin("GET", &format!("{path}?{name}={bad}")).send();
                assert_eq!(
                    (answer.status, &answer.json()["title"]),
                    (400, &json!("invalid_request")),
                    "{bad}"
                );
            }
        }
        // Whoever may not look hears that, and nothing of the query.
        let stranger = server.call("GET", &format!("{path}?step=week")).send();
        assert_eq!(stranger.status, 401, "{stranger:?}");
    }
    let top = "/api/v1/user/pull_statistics/top";
    for query in ["limit=0", "limit=101", "limit=x", "from=x", "from=2&to=1", "format=xml"] {
        let answer = server.by_admin("GET", &format!("{top}?{query}")).send();
        assert_eq!((answer.status, &answer.json()["title"]), (400, &json!("invalid_request")), "{query}");
    }
    let unknown = Image::of("unknown").digest();
    for path in [
        series_of_tag("v2"),
        series_of_tag("-"),
        format!("/api/v1/repository/{REPOSITORY}/manifest/{unknown}/pull_statistics/series"),
        "/api/v1/repository/admin/none/pull_statistics/series".to_owned(),
    ] {
        server.by_admin("GET", &path).send().is_problem(&server.url, 404, "not_found", "Not Found");
    }
    server.delete_tag(REPOSITORY, "v1");
    server.by_admin("GET", &series_of_tag("v1")).send().is_problem(
        &server.url,
        404,
        "not_found",
        "Not Found",
    );
}

#[test]
fn a_clean_stop_writes_every_pull_down() {
    let mut server = Server::start_with(Engine::Sqlite, &[("pull-count-flush", "1h")]);
    server.push(REPOSITORY, "v1", &Image::of("any"));
    let token = server.push_token(REPOSITORY);
    for _ in 0..20 {
        pull(&server, &token, "GET", "v1", "docker/27");
    }
    assert_eq!(server.stop(), Some(0));
    server.spawn();
    assert_eq!(total(&server.by_admin("GET", &series_of_tag("v1")).send()), 20);
}

#[test]
fn a_list_of_tags_tells_their_pulls_when_it_is_asked_to() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
        server.changes(REPOSITORY, "v2", &json!({"manifest_digest": digest}));
        let token = server.push_token(REPOSITORY);
        let begun = now_s();
        pull(&server, &token, "GET", "v1", "docker/27");
        come_to(&server, &series_of_tag("v1"), 1);
        let told = |query: &str| -> Vec<_> {
            let tags = server.list(REPOSITORY, query)["tags"].as_array().unwrap().clone();
            tags.into_iter()
                .map(|tag| {
                    let name = tag["name"].as_str().unwrap().to_owned();
                    (name, tag.get("tag_pull_count").cloned(), tag.get("last_tag_pull_date").cloned())
                })
                .collect()
        };
        let listed = told("?includePullStatistics=true&filter_tag_name=like:v");
        let (v1, v2) = (listed.iter().find(|tag| tag.0 == "v1"), listed.iter().find(|tag| tag.0 == "v2"));
        let (_, count, last) = v1.unwrap();
        assert_eq!(count, &Some(json!(1)));
        let seconds: Vec<_> = (begun..=now_s()).map(|second| Some(json!(date(&json!(second))))).collect();
        assert!(seconds.contains(last), "{last:?} not in {seconds:?}");
        assert_eq!(v2, Some(&("v2".to_owned(), Some(json!(0)), Some(json!(null)))));
        assert!(told("").iter().all(|tag| tag.1.is_none() && tag.2.is_none()));
        assert!(told("?includePullStatistics=false").iter().all(|tag| tag.1.is_none()));
    });
}
