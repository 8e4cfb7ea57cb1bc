//! Hashes of bytes that come piece by piece.

use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha256, Sha512};
use wharfinger_model::{Algorithm, Digest};

/// A hash under way: it can be written down and gone on with.
#[derive(Clone)]
pub(crate) enum Hash {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hash {
    /// The hash of no bytes.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    /// The digest of the bytes so far.
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::Sha256(hash) => Digest::from_hash(Algorithm::Sha256, &hash.clone().finalize()),
            Self::Sha512(hash) => Digest::from_hash(Algorithm::Sha512, &hash.clone().finalize()),
        }
    }

    /// What [`deserialize`](Self::deserialize) goes on from.
    pub(crate) fn serialize(&self) -> Vec<u8> {
        match self {
            Self::Sha256(hash) => hash.serialize().to_vec(),
            Self::Sha512(hash) => hash.serialize().to_vec(),
        }
    }

    pub(crate) fn deserialize(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        Some(match algorithm {
            Algorithm::Sha256 => Self::Sha256(deserialize(bytes)?),
            Algorithm::Sha512 => Self::Sha512(deserialize(bytes)?),
        })
    }
}

fn deserialize<H: SerializableState>(bytes: &[u8]) -> Option<H> {
    H::deserialize(&SerializedState::<H>::try_from(bytes).ok()?).ok()
}
