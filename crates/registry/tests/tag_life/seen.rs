//! What can be seen of a repository: by whoever looks at the registry, and in the reference.

use super::step::{BLOBS, MANIFESTS, Step, TAGS, Who};

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// The tag's life forbids it.
    Refused(wharfinger_model::tag::Refusal),
    NoManifest,
    /// An index was pushed without what it lists.
    UnknownChild,
    /// A manifest was to be deleted that a living index lists.
    NeededByIndex,
}

/// A lifetime as it is listed, with instants in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub tag: usize,
    pub manifest: usize,
    pub start: i64,
    pub end: Option<i64>,
    pub reversion: bool,
    pub immutable: bool,
}

/// What a pull by a tag gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pull {
    Manifest(usize),
    Dead,
    Nothing,
}

/// An entry of the audit log. A deletion by digest leaves several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub kind: &'static str,
    /// The tag, unless it tells of a manifest that had none.
    pub tag: Option<usize>,
    pub who: Who,
    pub at: i64,
    /// Where the tag points from then on, or for a deletion where it pointed.
    pub manifest: Option<usize>,
    /// Where it pointed before, if the entry tells.
    pub original: Option<usize>,
}

/// How many entries of the audit log are looked at after each step: more than one step leaves.
pub(crate) const ENTRIES: usize = 8;

/// Everything that is looked at after every step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The lifetimes inside the window, newest first.
    pub listed: Vec<Row>,
    /// The names of living tags, in order.
    pub names: Vec<usize>,
    pub by_tag: [Pull; TAGS.len()],
    pub by_digest: [bool; MANIFESTS],
    pub blobs: [bool; BLOBS.len()],
    /// The newest entries, newest first.
    pub audit: Vec<Entry>,
}

/// What is looked at once more when a sequence is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finally {
    /// Every lifetime that was not collected, inside the window or not.
    pub whole: Vec<Row>,
    /// What the list of living tags gives.
    pub living: Vec<Row>,
    /// What the history of each tag tells, newest first.
    pub told: [Vec<Told>; TAGS.len()],
}

/// An event of a tag's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub manifest: usize,
    pub at: i64,
    /// Whether the tag ceased to be; else it was pointed at the manifest.
    pub deleted: bool,
}

impl Seen {
    /// Breaches of what holds whatever was done: nothing overlaps, no lifetime is empty, and the past stands, except that
    /// lifetimes are purged from it. The window begins behind `beyond`.
    pub(crate) fn breach(&self, before: &Self, beyond: i64, step: Step) -> Option<String> {
        (0..TAGS.len()).find_map(|tag| {
            let (past, rows) = (before.of(tag), self.of(tag));
            if let Some(pair) = rows.windows(2).find(|pair| pair[0].reaches(pair[1].start)) {
                return Some(format!("lifetimes overlap: {pair:?}"));
            }
            if let Some(row) = rows.iter().find(|row| !row.reaches(row.start)) {
                return Some(format!("a lifetime is empty: {row:?}"));
            }
            if let Some(row) = rows.iter().find(|row| row.immutable && row.end.is_some()) {
                return Some(format!("an immutable lifetime ends: {row:?}"));
            }
            let mut past: Vec<_> = past.iter().filter(|row| row.reaches(beyond)).collect();
            if matches!(step, Step::PurgeLiving { tag: of, .. } | Step::PurgeDead { tag: of, .. } if of == tag) {
                past.retain(|old| rows.iter().any(|new| new.fixed() == old.fixed()));
            }
            let stands = past.iter().zip(&rows).all(|(old, new)| old.fixed() == new.fixed());
            let lost = past.len() > rows.len();
            (!stands || lost).then(|| format!("the past was rewritten: {past:?} became {rows:?}"))
        })
    }

    /// The lifetimes of one name, oldest first.
    fn of(&self, tag: usize) -> Vec<Row> {
        self.listed.iter().rev().filter(|row| row.tag == tag).copied().collect()
    }
}

impl Row {
    /// Whether it has not ended by then. One that was purged is empty and reaches nowhere.
    pub(crate) fn reaches(&self, instant: i64) -> bool {
        self.end.is_none_or(|end| end > instant && end > self.start)
    }

    /// Whether it was purged: it ends where it began.
    pub(crate) fn is_purged(&self) -> bool {
        self.end == Some(self.start)
    }

    /// What never changes.
    fn fixed(&self) -> (usize, usize, i64, bool) {
        (self.tag, self.manifest, self.start, self.reversion)
    }
}
