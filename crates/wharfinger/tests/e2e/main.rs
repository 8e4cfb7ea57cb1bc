//! The program as its users meet it: the real binary on a free port with a folder of its own, spoken to over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod durability;
mod pulls;
mod start;
mod support;
mod tag_api;
mod tag_matrix;
