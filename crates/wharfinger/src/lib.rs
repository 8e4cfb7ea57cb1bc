//! The program: configuration, wiring, start and stop.
//!
//! A start is four functions, each taking what the one before it made:
//! [`config::Config::new`], [`deps::open`], [`app::build`] and [`running::Running::serve`].

pub mod app;
mod background;
mod certificate;
pub mod commands;
pub mod config;
pub mod deps;
mod logging;
mod metrics;
pub mod running;
