//! The program as its users meet it: the real binary on a free port with a folder of its own, spoken to over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod app_tokens;
mod autoprune;
mod autoprune_cost;
mod autoprune_policies;
mod bad_input;
mod bad_json;
mod checking;
mod collection;
mod default_permissions;
mod discovery;
mod durability;
mod guide;
mod http2;
mod image_rules;
mod immutability_policies;
mod labels;
mod logs;
mod manifest_view;
mod mounts;
mod organizations;
mod proxies;
mod pulls;
mod pushes;
mod registry;
mod registry_tokens;
mod robots;
mod siblings;
mod start;
mod superusers;
mod support;
mod tag_change;
mod tag_deletion;
mod tag_expiration;
mod tag_history;
mod tag_immutability;
mod tag_list;
mod tag_matrix;
mod tag_purge;
mod team_permissions;
mod tls;
mod uploads;
mod users;
mod windows;
