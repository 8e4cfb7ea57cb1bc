//! What the documentation, the dashboard and the alerts say of metrics.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::told::Told;
use crate::support::{Engine, Pair, Server};

/// A file of the project.
fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// Everything that can be told: there is a certificate, too.
fn everything() -> Told {
    let (folder, pair) = (TempDir::new().unwrap(), Pair::good_in(2026, 2031));
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    pair.write_certificate(&certificate);
    pair.write_key(&key);
    let settings = [
        ("tls-certificate", certificate.to_str().unwrap()),
        ("tls-key", key.to_str().unwrap()),
        ("metrics-listen", "127.0.0.1:0"),
    ];
    let told = Told::by(&Server::start_empty(Engine::Sqlite, &settings));
    // The first second of 2031.
    assert_eq!(told.sum("wharfinger_certificate_expiry_timestamp_seconds", &[]), 1_924_992_000.0);
    told
}

/// Names of our metrics in a text.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    words.filter(|word| word.starts_with("wharfinger_") || word.starts_with("process_")).collect()
}

/// Every text under this key, however deep.
fn texts<'a>(document: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match document {
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        Value::Object(members) => {
            found.extend(members.get(key).and_then(Value::as_str));
            members.values().for_each(|member| texts(member, key, found));
        }
        _ => {}
    }
}

#[test]
fn every_metric_is_explained_and_every_query_is_for_one_that_there_is() {
    let told = everything();
    let families: BTreeSet<_> = told.families.keys().map(String::as_str).collect();
    let mut series = BTreeSet::new();
    for (family, kind) in &told.families {
        match kind.as_str() {
            "histogram" => series.extend(["_bucket", "_sum", "_count"].map(|part| format!("{family}{part}"))),
            _ => drop(series.insert(family.clone())),
        }
    }
    let operations = file("docs/operations.md");
    let rows = operations.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let explained: BTreeSet<_> =
        rows.filter(|name| name.starts_with("wharfinger_") || name.starts_with("process_")).collect();
    assert_eq!(explained, families);

    let dashboard: Value = serde_json::from_str(&file("deploy/grafana/wharfinger.json")).unwrap();
    let mut queries = Vec::new();
    texts(&dashboard, "expr", &mut queries);
    texts(&dashboard, "query", &mut queries);
    assert!(queries.len() > 20, "{queries:?}");
    let alerts = file("deploy/prometheus/alerts.yml");
    for text in queries.into_iter().chain([alerts.as_str()]) {
        for name in named(text) {
            assert!(series.contains(name), "{name} is not told, but asked for by {text}");
        }
    }
}

#[test]
fn the_dashboard_is_one_that_grafana_takes() {
    let dashboard: Value = serde_json::from_str(&file("deploy/grafana/wharfinger.json")).unwrap();
    assert_eq!(dashboard["uid"], "wharfinger");
    assert!(dashboard["id"].is_null(), "an id is Grafana's to give");
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 39);
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "every panel has an id of its own");
    let mut taken = BTreeSet::new();
    for panel in panels {
        let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(x < 24 && taken.insert((x, y)), "{} lies over another", panel["title"]);
            }
        }
        if panel["type"] != "row" {
            assert!(panel["description"].is_string(), "{} is not explained", panel["title"]);
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
            let letters: BTreeSet<_> = panel["targets"]
                .as_array()
                .unwrap()
                .iter()
                .map(|target| target["refId"].as_str().unwrap())
                .collect();
            assert_eq!(letters.len(), panel["targets"].as_array().unwrap().len(), "{}", panel["title"]);
        }
    }
}
