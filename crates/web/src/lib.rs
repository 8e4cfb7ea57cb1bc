//! What the world sees of the registry: HTTP in front, use cases behind.

pub mod serve;
