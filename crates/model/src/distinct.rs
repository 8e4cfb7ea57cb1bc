//! Counting what is different in bounded space.

use std::collections::BTreeSet;

/// How many different things there are, of which each shows its hash any number of times. It holds the smallest of the
/// hashes that it was shown: up to [`Distinct::EXACT`] the number is exact, and beyond it is estimated by how closely they
/// lie, with a standard error of 3 %.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Distinct(BTreeSet<u64>);

impl Distinct {
    /// So many are counted exactly; no more hashes are held than that.
    pub const EXACT: usize = 1024;

    /// Shows it a hash, which must be spread evenly over all numbers; whether it holds one more now.
    pub fn insert(&mut self, hash: u64) -> bool {
        let before = self.0.len();
        if before < Self::EXACT || self.0.last().is_some_and(|largest| hash < *largest) {
            self.0.insert(hash);
            if self.0.len() > Self::EXACT {
                self.0.pop_last();
            }
        }
        self.0.len() > before
    }

    /// Shows it everything that another one was shown.
    pub fn merge(&mut self, other: &Self) {
        for hash in &other.0 {
            self.insert(*hash);
        }
    }

    /// How many hashes it holds.
    pub fn held(&self) -> usize {
        self.0.len()
    }

    /// How many different hashes it was shown.
    pub fn count(&self) -> i64 {
        match self.0.last() {
            Some(largest) if self.0.len() == Self::EXACT => {
                // So many lie in this part of all numbers.
                let part = (*largest as f64) / (u64::MAX as f64);
                #[allow(clippy::cast_possible_truncation, reason = "a float cast saturates")]
                let estimate = ((Self::EXACT - 1) as f64 / part).round() as i64;
                estimate.max(Self::EXACT as i64)
            }
            _ => self.0.len() as i64,
        }
    }

    /// In bytes, to be kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|hash| hash.to_be_bytes()).collect()
    }

    /// What was kept.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut distinct = Self::default();
        for hash in bytes.as_chunks().0 {
            distinct.insert(u64::from_be_bytes(*hash));
        }
        distinct
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes that are spread evenly (SplitMix64).
    fn hashes(count: u64) -> impl Iterator<Item = u64> {
        (1..=count).map(|number| {
            let mut hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            hash ^ (hash >> 31)
        })
    }

    fn of(hashes: impl Iterator<Item = u64>) -> Distinct {
        let mut distinct = Distinct::default();
        for hash in hashes {
            distinct.insert(hash);
        }
        distinct
    }

    #[test]
    fn few_are_counted_exactly_however_often_they_come() {
        for count in [0, 1, 17, 1023, 1024] {
            assert_eq!(of(hashes(count).chain(hashes(count))).count(), count as i64);
        }
    }

    #[test]
    fn many_are_estimated_in_bounded_space() {
        for count in [1025_u64, 5_000, 100_000, 1_000_000] {
            let distinct = of(hashes(count));
            let error = (distinct.count() as f64 / count as f64 - 1.0).abs();
            assert!(error < 0.1, "{count} were counted as {}", distinct.count());
            assert_eq!(distinct.held(), Distinct::EXACT);
        }
    }

    #[test]
    fn parts_that_are_merged_count_like_the_whole_and_so_do_those_that_were_kept() {
        let whole = of(hashes(5_000));
        let mut merged = of(hashes(3_000));
        merged.merge(&of(hashes(5_000).skip(2_000)));
        assert_eq!(merged, whole);
        assert_eq!(Distinct::from_bytes(&whole.to_bytes()), whole);
    }
}
