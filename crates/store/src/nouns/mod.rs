//! What is remembered: one file of SQL a noun.

pub mod access_token;
pub mod account;
pub mod audit;
pub mod blob;
mod domain;
pub mod doomed;
pub mod examination;
pub mod garbage;
mod ids;
pub mod immutability;
pub mod inspection;
pub mod lifetime;
pub mod manifest;
pub mod manifest_label;
pub mod past;
pub mod permission;
pub mod prune;
pub mod pulls;
pub mod repository;
pub mod session;
pub mod signing_key;
pub mod upload;

pub use domain::Domain;
pub use ids::{AccountId, BlobId, LifetimeId, ManifestId, RepositoryId};
