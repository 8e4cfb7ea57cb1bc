//! The program as its users meet it: the real binary on a free port with a folder of its own, spoken to over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod api_access;
mod api_documents;
mod autoprune;
mod autoprune_cost;
mod autoprune_policies;
mod bad_input;
mod bad_json;
mod checking;
mod collection;
mod discovery;
mod durability;
mod guide;
mod http2;
mod image_rules;
mod immutability_policies;
mod keyless;
mod labels;
mod logs;
mod manifest_view;
mod mounts;
mod proxies;
mod pulls;
mod pushes;
mod registry;
mod registry_tokens;
mod siblings;
mod sparse;
mod start;
mod support;
mod tag_change;
mod tag_deletion;
mod tag_expiration;
mod tag_history;
mod tag_immutability;
mod tag_list;
mod tag_matrix;
mod tag_purge;
mod tls;
mod uploads;
mod windows;
