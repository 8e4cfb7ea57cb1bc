//! What is remembered: one file of SQL a noun.

pub mod access_token;
pub mod account;
pub mod app_token;
pub mod application;
pub mod audit;
pub mod authorization_code;
pub mod blob;
mod domain;
pub mod doomed;
pub mod examination;
pub mod export;
pub mod garbage;
mod ids;
pub mod immutability;
pub mod inspection;
pub mod lifetime;
pub mod manifest;
pub mod manifest_label;
pub mod message;
pub mod missing;
pub mod notification;
pub mod oidc_identity;
pub mod past;
pub mod permission;
pub mod profile;
pub mod prototype;
pub mod prune;
pub mod pulls;
pub mod registry_size;
pub mod repository;
pub mod robot;
pub mod robot_trust;
pub mod secret_key;
pub mod session;
pub mod signing_key;
pub mod star;
pub mod team;
pub mod upload;

pub use domain::Domain;
pub use ids::{
    AccountId, ApplicationId, BlobId, LifetimeId, ManifestId, RepositoryId, RobotTrustId, SeriesId, TeamId,
};
