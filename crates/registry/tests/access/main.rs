//! Who may do what: roles, the scopes that are their ceilings, and registry tokens.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod can;
mod forged;
mod grants;
mod matrix;
mod state;
#[path = "../support/mod.rs"]
mod support;
