//! Policies: what an organization, somebody for the own namespace, or a repository lays down for tags.

mod domain;
pub mod immutability;
pub mod prune;

use domain::Administered;
pub use domain::{Domain, authorize};
