//! How far an upload has come, as something that can be remembered.

use std::fmt;

use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha256};
use wharfinger_model::{Algorithm, Digest};

use crate::hold::Hold;
use crate::{Error, Result};

/// What the bytes of a state begin with. Another layout, or another version of the hash's, gets another number.
const VERSION: u8 = 1;
const OFFSET_LEN: usize = size_of::<u64>();
/// How much of a hash of the rest ends it: against damage, not against malice.
const CHECKSUM_LEN: usize = 8;

/// Where an upload stands: how many bytes it has, and the hash of them so far.
pub struct UploadState {
    pub(crate) offset: u64,
    pub(crate) hash: Sha256,
    /// Keeps others off the upload until the state is remembered. Not part of what is remembered.
    pub(crate) hold: Option<Hold>,
}

impl UploadState {
    /// An upload without bytes.
    pub(crate) fn empty(hold: Hold) -> Self {
        Self { offset: 0, hash: Sha256::new(), hold: Some(hold) }
    }

    /// How many bytes were acknowledged.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The state as bytes that [`from_bytes`](Self::from_bytes) reads, in this and later versions of the program.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
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
        let (&version, fields) = content.split_first()?;
        if version != VERSION || checksum(content) != *sum {
            return None;
        }
        let (offset, hash) = fields.split_first_chunk::<OFFSET_LEN>()?;
        let hash = SerializedState::<Sha256>::try_from(hash).ok()?;
        let hash = Sha256::deserialize(&hash).ok()?;
        Some(Self { offset: u64::from_le_bytes(*offset), hash, hold: None })
    }

    /// The SHA-256 digest of the bytes so far.
    pub fn sha256(&self) -> Digest {
        Digest::from_hash(Algorithm::Sha256, &self.hash.clone().finalize())
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

    fn some_state() -> UploadState {
        let bytes = b"some bytes, more than one block of the hash, so that both of its parts matter here";
        UploadState { offset: bytes.len() as u64, hash: Sha256::new_with_prefix(bytes), hold: None }
    }

    #[test]
    fn a_state_goes_on_where_it_was_written() {
        let mut read = UploadState::from_bytes(&some_state().to_bytes()).unwrap();
        assert_eq!(read.offset(), some_state().offset());
        let mut whole = some_state().hash;
        whole.update(b"the rest");
        read.hash.update(b"the rest");
        assert_eq!(read.hash.finalize(), whole.finalize());
    }

    #[test]
    fn any_damage_is_seen() {
        let good = some_state().to_bytes();
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
        let mut newer = some_state().to_bytes();
        newer[0] = VERSION + 1;
        let end = newer.len() - CHECKSUM_LEN;
        let sum = checksum(&newer[..end]);
        newer[end..].copy_from_slice(&sum);
        assert!(matches!(UploadState::from_bytes(&newer), Err(Error::DamagedState)));
    }
}
