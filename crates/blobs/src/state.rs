//! How far an upload has come, as something that can be remembered.

use std::fmt;

use sha2::{Digest as _, Sha256};
use wharfinger_model::{Algorithm, Digest};

use crate::hash::Hash;
use crate::hold::Hold;
use crate::{Error, Result};

/// What the bytes of a state begin with: how they are laid out, and which hash they hold. Another layout, or another
/// version of a hash's own, gets another number.
const LAYOUTS: [(u8, Algorithm); 2] = [(1, Algorithm::Sha256), (2, Algorithm::Sha512)];
const OFFSET_LEN: usize = size_of::<u64>();
/// How much of a hash of the rest ends it: against damage, not against malice.
const CHECKSUM_LEN: usize = 8;

/// Where an upload stands: how many bytes it has, and the hash of them so far.
pub struct UploadState {
    pub(crate) offset: u64,
    pub(crate) hash: Hash,
    /// Keeps others off the upload until the state is remembered. Not part of what is remembered.
    pub(crate) hold: Option<Hold>,
}

impl UploadState {
    /// An upload without bytes.
    pub(crate) fn empty(algorithm: Algorithm, hold: Hold) -> Self {
        Self { offset: 0, hash: Hash::new(algorithm), hold: Some(hold) }
    }

    /// How many bytes were acknowledged.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The state as bytes that [`from_bytes`](Self::from_bytes) reads, in this and later versions of the program.
    pub fn to_bytes(&self) -> Vec<u8> {
        let layout = LAYOUTS.iter().find(|(_, algorithm)| *algorithm == self.hash.algorithm());
        let mut bytes: Vec<u8> = layout.map(|(number, _)| *number).into_iter().collect();
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        bytes.extend_from_slice(&self.hash.serialize());
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`Error::DamagedState`] when it is anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::parse(bytes).ok_or(Error::DamagedState)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<CHECKSUM_LEN>()?;
        if checksum(content) != *sum {
            return None;
        }
        let (layout, fields) = content.split_first()?;
        let (_, algorithm) = LAYOUTS.iter().find(|(number, _)| number == layout)?;
        let (offset, hash) = fields.split_first_chunk::<OFFSET_LEN>()?;
        let hash = Hash::deserialize(*algorithm, hash)?;
        Some(Self { offset: u64::from_le_bytes(*offset), hash, hold: None })
    }

    /// The digest of the bytes so far, in the algorithm that the upload was begun with.
    pub fn digest(&self) -> Digest {
        self.hash.digest()
    }

    /// The algorithm that the upload was begun with.
    pub fn algorithm(&self) -> Algorithm {
        self.hash.algorithm()
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LEN] {
    let hash = Sha256::digest(bytes);
    std::array::from_fn(|index| hash[index])
}

impl fmt::Debug for UploadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadState").field("offset", &self.offset).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_state(algorithm: Algorithm) -> UploadState {
        let bytes = b"some bytes, more than one block of the hash, so that both of its parts matter here";
        let bytes = bytes.repeat(2);
        let mut hash = Hash::new(algorithm);
        hash.update(&bytes);
        UploadState { offset: bytes.len() as u64, hash, hold: None }
    }

    #[test]
    fn a_state_goes_on_where_it_was_written() {
        for (_, algorithm) in LAYOUTS {
            let mut read = UploadState::from_bytes(&some_state(algorithm).to_bytes()).unwrap();
            assert_eq!((read.offset(), read.algorithm()), (some_state(algorithm).offset(), algorithm));
            let mut whole = some_state(algorithm).hash;
            whole.update(b"the rest");
            read.hash.update(b"the rest");
            assert_eq!(read.digest(), whole.digest());
        }
    }

    #[test]
    fn any_damage_is_seen() {
        let good = some_state(Algorithm::Sha256).to_bytes();
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 1;
            assert!(matches!(UploadState::from_bytes(&bad), Err(Error::DamagedState)), "byte {index}");
            assert!(
                matches!(UploadState::from_bytes(&good[..index]), Err(Error::DamagedState)),
                "{index} bytes"
            );
        }
        let longer = [good.as_slice(), &[0]].concat();
        assert!(matches!(UploadState::from_bytes(&longer), Err(Error::DamagedState)));
    }

    #[test]
    fn a_layout_from_another_version_is_refused() {
        let mut newer = some_state(Algorithm::Sha256).to_bytes();
        newer[0] = 3;
        let end = newer.len() - CHECKSUM_LEN;
        let sum = checksum(&newer[..end]);
        newer[end..].copy_from_slice(&sum);
        assert!(matches!(UploadState::from_bytes(&newer), Err(Error::DamagedState)));
    }
}
