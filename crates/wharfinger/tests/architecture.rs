//! The floors of the house: which crate may know which, and where SQL may stand; and that its map is true.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A crate's folder, and the crates it may know.
const FLOORS: &[(&str, &[&str])] = &[
    ("wharfinger", &["model", "metrics", "store", "blobs", "registry", "outbound", "web"]),
    ("web", &["model", "metrics", "registry", "blobs"]),
    ("outbound", &["registry"]),
    ("registry", &["model", "metrics", "store", "blobs"]),
    ("store", &["model", "metrics"]),
    ("blobs", &["model", "metrics"]),
    ("model", &[]),
    ("metrics", &[]),
];

/// How SQL is marked where it stands.
const SQL_MARKERS: &[&str] = &["sql!(", "sql! {", "sql!{", "sql!["];

/// The crates that speak HTTP: what decides must not know how it is asked.
const HTTP: &[&str] = &[
    "http",
    "http-body",
    "http-body-util",
    "axum",
    "axum-extra",
    "hyper",
    "hyper-util",
    "reqwest",
    "tower-http",
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The names of what the crate in `folder` is built from, tests aside.
fn dependencies(folder: &str) -> BTreeSet<String> {
    dependencies_of(&fs::read_to_string(crates().join(folder).join("Cargo.toml")).unwrap())
}

fn dependencies_of(manifest: &str) -> BTreeSet<String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let targets = manifest
        .get("target")
        .and_then(toml::Value::as_table)
        .into_iter()
        .flat_map(|targets| targets.values());
    let tables = std::iter::once(&manifest).chain(targets.filter_map(toml::Value::as_table));
    let mut names = BTreeSet::new();
    for section in tables.flat_map(|table| [table.get("dependencies"), table.get("build-dependencies")]) {
        for (name, how) in section.and_then(toml::Value::as_table).into_iter().flatten() {
            // A dependency may be renamed: what counts is whose code it is.
            names.insert(how.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned());
        }
    }
    names
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_crate_has_its_floor() {
    let folders: BTreeSet<_> = fs::read_dir(crates())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let floors: BTreeSet<_> = FLOORS.iter().map(|(folder, _)| (*folder).to_owned()).collect();
    assert_eq!(folders, floors);
}

#[test]
fn a_crate_knows_only_what_stands_below_it() {
    let folders: BTreeMap<String, &str> = FLOORS
        .iter()
        .map(|(folder, _)| {
            let manifest = fs::read_to_string(crates().join(folder).join("Cargo.toml")).unwrap();
            let manifest: toml::Table = manifest.parse().unwrap();
            (manifest["package"]["name"].as_str().unwrap().to_owned(), *folder)
        })
        .collect();
    for (folder, below) in FLOORS {
        let known: BTreeSet<_> =
            dependencies(folder).iter().filter_map(|name| folders.get(name).copied()).collect();
        let forbidden: Vec<_> = known.iter().filter(|known| !below.contains(known)).collect();
        assert!(forbidden.is_empty(), "crates/{folder} must not know {forbidden:?}");
    }
}

#[test]
fn a_dependency_is_found_however_it_is_declared() {
    let manifest = r#"
        [dependencies]
        plain.workspace = true
        renamed = { package = "real", path = "../real" }
        [build-dependencies]
        build = "1"
        [target.'cfg(unix)'.dependencies]
        unix = "1"
        [dev-dependencies]
        dev = "1"
    "#;
    assert_eq!(dependencies_of(manifest), ["build", "plain", "real", "unix"].map(str::to_owned).into());
}

#[test]
fn the_heart_of_the_registry_does_not_know_http() {
    for folder in ["registry", "store", "blobs", "model", "metrics"] {
        let known = dependencies(folder);
        let forbidden: Vec<_> = HTTP.iter().filter(|name| known.contains(**name)).collect();
        assert!(forbidden.is_empty(), "crates/{folder} must not know {forbidden:?}");
    }
}

#[test]
fn sql_stands_in_the_store_alone() {
    let this = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/architecture.rs");
    let mut files = Vec::new();
    sources(&crates(), &mut files);
    let (store, others): (Vec<_>, Vec<_>) = files
        .into_iter()
        .filter(|file| *file != this)
        .partition(|file| file.starts_with(crates().join("store")));
    assert!(!store.is_empty() && !others.is_empty());
    for file in others {
        let text = fs::read_to_string(&file).unwrap();
        let marker = SQL_MARKERS.iter().find(|marker| text.contains(**marker));
        assert_eq!(marker, None, "SQL in {}", file.display());
    }
}

/// Files and folders that a text names between backticks, as in `store/src/db.rs` or `oidc/fetch.rs`.
fn named_places(text: &str) -> BTreeSet<&str> {
    let between = text.split('`').skip(1).step_by(2);
    let is_place = |name: &&str| {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        plain
            && !name.starts_with('/')
            && (name.ends_with(".rs") || name.ends_with(".sql") || name.ends_with('/'))
    };
    between.filter(is_place).collect()
}

/// Every file and folder of the crates, each as a path that begins with a slash; a folder's ends with one, too.
fn places(folder: &Path, path: &str, found: &mut Vec<String>) {
    found.push(format!("{path}/"));
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{path}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            places(&entry.path(), &path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn every_file_that_the_map_names_is_there() {
    let mut there = Vec::new();
    places(&crates(), "/crates", &mut there);
    let text = fs::read_to_string(crates().parent().unwrap().join("ARCHITECTURE.md")).unwrap();
    let named = named_places(&text);
    assert!(named.contains("store/src/db.rs") && named.contains("registry/src/"), "{named:?}");
    let gone: Vec<_> =
        named.iter().filter(|name| !there.iter().any(|path| path.ends_with(&format!("/{name}")))).collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md names what is not there: {gone:?}");
}
