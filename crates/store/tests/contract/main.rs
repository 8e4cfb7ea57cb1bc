//! What every noun of the store promises, on both engines.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on must fail")]

mod accounts;
mod blobs;
mod catalogue;
mod exports;
mod fixture;
mod history_stands;
mod leaving;
mod lifetimes;
mod lists;
mod manifests;
mod missing;
mod oidc;
mod people;
mod pruning;
mod records;
mod repositories;
mod seeing;
mod series;
mod tokens;
