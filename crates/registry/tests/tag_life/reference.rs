//! The life of tags, written down once more in the simplest way that can be: a list, and nothing is fast.

use std::cmp::Reverse;

use wharfinger_model::tag::{Protection, Refusal};

use super::seen::{ENTRIES, Entry, Finally, Outcome, Pull, Row, Seen, Told};
use super::step::{Asked, BLOBS, Expiry, INDEX, LISTED, MANIFESTS, Step, TAGS, Who};

const WINDOW: i64 = 14 * 24 * 3600 * 1000;
const LEASE: i64 = 3600 * 1000;
const YEAR_10000: i64 = 253_402_300_800_000;

/// A repository.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    now: i64,
    /// Oldest first.
    lives: Vec<Life>,
    /// Those that were collected, oldest first.
    past: Vec<Past>,
    manifests: [Option<Kept>; MANIFESTS],
    /// Until when blobs are there though no manifest holds them.
    leases: [i64; BLOBS.len()],
    audit: Vec<Entry>,
}

/// A lifetime.
#[derive(Debug, Clone, Copy)]
struct Life {
    row: Row,
    /// Whether a change has ended it: then it is over, though its end may lie a moment ahead.
    ended: bool,
}

/// A lifetime that was collected.
#[derive(Debug, Clone, Copy)]
struct Past {
    row: Row,
    /// Whether the tag went on elsewhere.
    moved: bool,
}

/// A manifest that was pushed.
#[derive(Debug, Clone, Copy)]
struct Kept {
    lease_end: i64,
    /// Since when a deletion by digest hides it.
    hidden: Option<i64>,
}

type Attempt<T = ()> = Result<T, Outcome>;

impl Reference {
    pub(crate) fn new(now: i64) -> Self {
        let (lives, past, audit) = (Vec::new(), Vec::new(), Vec::new());
        Self { now, lives, past, manifests: [None; MANIFESTS], leases: [0; BLOBS.len()], audit }
    }

    /// Does all of a step, or nothing.
    pub(crate) fn take(&mut self, step: Step) -> Outcome {
        // The blobs are pushed before.
        if let Step::Push { manifest, .. } | Step::PushByDigest { manifest, .. } = step {
            for (lease, holders) in self.leases.iter_mut().zip(BLOBS) {
                if holders.contains(&manifest) {
                    *lease = self.now + LEASE;
                }
            }
        }
        let mut after = self.clone();
        match after.attempt(step) {
            Ok(()) => {
                *self = after;
                Outcome::Done
            }
            Err(refused) => refused,
        }
    }

    fn attempt(&mut self, step: Step) -> Attempt {
        match step {
            Step::Wait(time) => self.now += i64::try_from(time.as_millis()).unwrap(),
            Step::PushByDigest { manifest, .. } => self.store(manifest, self.now + LEASE)?,
            Step::Push { who, tag, manifest } => {
                self.store(manifest, self.now)?;
                let old = self.point(tag, manifest, false, Asked::default())?;
                self.note("push_repo", tag, who, Some(manifest), old.map(|old| old.manifest));
            }
            Step::Move { who, tag, manifest, asked } => self.repoint(who, tag, manifest, asked)?,
            Step::Amend { who, tag, asked } => self.amend(who, tag, asked)?,
            Step::Delete { who, tag } | Step::DeleteByReference { who, tag } => {
                let ended = self.end(tag)?;
                self.note("delete_tag", tag, who, Some(ended), None);
            }
            Step::Restore { who, tag, manifest } => {
                if !self.is_restorable(manifest) {
                    return Err(Outcome::NoManifest);
                }
                self.revive(manifest, self.now);
                let old = self.point(tag, manifest, true, Asked::default())?;
                self.note("revert_tag", tag, who, Some(manifest), old.map(|old| old.manifest));
            }
            Step::DeleteManifest { who, manifest } => self.delete_manifest(who, manifest)?,
            Step::PurgeLiving { who, tag } => {
                let found = self.alive(tag).ok_or(Outcome::Refused(Refusal::NotAlive))?;
                if self.lives[found].row.immutable {
                    return Err(Outcome::Refused(Refusal::ImmutableDelete));
                }
                let manifest = self.lives[found].row.manifest;
                self.purge(who, tag, manifest, &[found]);
            }
            Step::PurgeDead { who, tag, manifest } => {
                self.manifests[manifest].ok_or(Outcome::NoManifest)?;
                let is_wanted =
                    |row: Row| (row.tag, row.manifest) == (tag, manifest) && row.reaches(self.beyond());
                let dead =
                    |found: &usize| is_wanted(self.lives[*found].row) && self.alive(tag) != Some(*found);
                let found: Vec<usize> = (0..self.lives.len()).filter(dead).collect();
                if found.is_empty() {
                    return Err(Outcome::Refused(Refusal::NotAlive));
                }
                self.purge(who, tag, manifest, &found);
            }
            Step::Collect => self.collect(),
            Step::CloseExpired => {}
        }
        Ok(())
    }

    /// Forgets what is outside everything. The index comes first: it keeps what it lists.
    fn collect(&mut self) {
        let beyond = self.beyond();
        let (lives, past): (Vec<_>, Vec<_>) = self.lives.drain(..).partition(|life| life.row.reaches(beyond));
        self.lives = lives;
        // What was purged is told by nobody any more; whether the tag went on is told as it was then.
        let gone: Vec<Row> = past.iter().map(|life| life.row).filter(|row| !row.is_purged()).collect();
        for (number, row) in gone.iter().enumerate() {
            let later = gone[number + 1..].iter().chain(self.lives.iter().map(|life| &life.row));
            let goes_on =
                |next: &Row| next.tag == row.tag && !next.is_purged() && Some(next.start) == row.end;
            let moved = later.into_iter().any(goes_on);
            self.past.push(Past { row: *row, moved });
        }
        for manifest in (0..MANIFESTS).rev() {
            let tagged = self.lives.iter().any(|life| life.row.manifest == manifest);
            let listed = manifest == LISTED && self.manifests[INDEX].is_some();
            let kept = self.manifests[manifest].is_some_and(|kept| {
                kept.lease_end > self.now || kept.hidden.is_some_and(|since| since > beyond)
            });
            if !(tagged || listed || kept) {
                self.manifests[manifest] = None;
            }
        }
    }

    fn store(&mut self, manifest: usize, lease_end: i64) -> Attempt {
        if self.manifests[manifest].is_some() {
            self.revive(manifest, lease_end);
        } else if manifest == INDEX && !self.is_pullable(LISTED) {
            return Err(Outcome::UnknownChild);
        } else {
            self.manifests[manifest] = Some(Kept { lease_end, hidden: None });
        }
        Ok(())
    }

    fn revive(&mut self, manifest: usize, lease_end: i64) {
        if let Some(kept) = &mut self.manifests[manifest] {
            kept.hidden = None;
            kept.lease_end = kept.lease_end.max(lease_end);
        }
        if manifest == INDEX {
            self.revive(LISTED, lease_end);
        }
    }

    fn repoint(&mut self, who: Who, tag: usize, manifest: usize, asked: Asked) -> Attempt {
        self.check_right(who, tag, asked)?;
        if !self.is_pullable(manifest) || !self.is_restorable(manifest) {
            return Err(Outcome::NoManifest);
        }
        let old = self.point(tag, manifest, false, asked)?;
        let kind = if old.is_some() { "move_tag" } else { "create_tag" };
        self.note(kind, tag, who, Some(manifest), old.map(|old| old.manifest));
        self.note_amendments(who, tag, asked, old.and_then(|old| old.end));
        Ok(())
    }

    fn amend(&mut self, who: Who, tag: usize, asked: Asked) -> Attempt {
        let found = self.alive(tag).ok_or(Outcome::Refused(Refusal::NotAlive))?;
        self.check_right(who, tag, asked)?;
        let old = self.lives[found].row;
        let kept = old.immutable && asked.protection != Some(Protection::Unset);
        let asked_end = self.asked_end(asked, old.start)?;
        if kept && asked_end.flatten().is_some() {
            return Err(Outcome::Refused(Refusal::ExpirationOnImmutable));
        }
        let end = asked_end.unwrap_or(old.end);
        let immutable = kept || asked.protection == Some(Protection::Set);
        if immutable && end.is_some() {
            return Err(Outcome::Refused(Refusal::ImmutableWithExpiration));
        }
        self.lives[found].row = Row { end, immutable, ..old };
        self.note_amendments(who, tag, asked, old.end);
        Ok(())
    }

    /// Begins a lifetime; what was alive before.
    fn point(&mut self, tag: usize, manifest: usize, reversion: bool, asked: Asked) -> Attempt<Option<Row>> {
        let found = self.alive(tag);
        let old = found.map(|found| self.lives[found].row);
        let start = self.next_moment(tag);
        if old.is_some_and(|old| old.immutable) && asked.protection != Some(Protection::Unset) {
            return Err(Outcome::Refused(Refusal::ImmutableOverwrite));
        }
        let end = self.asked_end(asked, start)?.flatten();
        let immutable = asked.protection == Some(Protection::Set);
        if immutable && end.is_some() {
            return Err(Outcome::Refused(Refusal::ImmutableWithExpiration));
        }
        if let Some(found) = found {
            self.end_at(found, start);
        }
        let row = Row { tag, manifest, start, end, reversion, immutable };
        self.lives.push(Life { row, ended: false });
        Ok(old)
    }

    /// Ends what is alive; where it pointed.
    fn end(&mut self, tag: usize) -> Attempt<usize> {
        let found = self.alive(tag).ok_or(Outcome::Refused(Refusal::NotAlive))?;
        let row = self.lives[found].row;
        if row.immutable {
            return Err(Outcome::Refused(Refusal::ImmutableDelete));
        }
        self.end_at(found, self.next_moment(tag));
        Ok(row.manifest)
    }

    fn end_at(&mut self, found: usize, end: i64) {
        let life = &mut self.lives[found];
        *life = Life { row: Row { end: Some(end), immutable: false, ..life.row }, ended: true };
    }

    /// Makes lifetimes empty, and lets go of what nothing else reaches.
    fn purge(&mut self, who: Who, tag: usize, manifest: usize, found: &[usize]) {
        for found in found {
            self.end_at(*found, self.lives[*found].row.start);
        }
        self.note("permanently_delete_tag", tag, who, Some(manifest), None);
        let beyond = self.beyond();
        let reached = self.lives.iter().any(|life| life.row.manifest == manifest && life.row.reaches(beyond));
        if let Some(kept) = self.manifests[manifest].as_mut().filter(|_| !reached) {
            kept.hidden = kept.hidden.and(Some(0));
        }
    }

    /// When a change happens that begins or ends a lifetime: now, or a millisecond after the last time this happened.
    fn next_moment(&self, tag: usize) -> i64 {
        let lives = self.lives.iter().rev().map(|life| life.row);
        let last = lives.chain(self.past.iter().rev().map(|past| past.row)).find(|row| row.tag == tag);
        let last = last.map(|row| if self.alive(tag).is_some() { row.start } else { row.end.unwrap() });
        last.map_or(self.now, |last| self.now.max(last + 1))
    }

    fn delete_manifest(&mut self, who: Who, manifest: usize) -> Attempt {
        if !self.is_pullable(manifest) {
            return Err(Outcome::NoManifest);
        }
        if manifest == LISTED && self.is_living_index() {
            return Err(Outcome::NeededByIndex);
        }
        let tagged =
            |tag: &usize| self.alive(*tag).is_some_and(|found| self.lives[found].row.manifest == manifest);
        let tags: Vec<usize> = (0..TAGS.len()).filter(tagged).collect();
        for tag in &tags {
            self.end(*tag)?;
            self.note("delete_tag", *tag, who, Some(manifest), None);
        }
        if tags.is_empty() {
            let (at, manifest) = (self.now, Some(manifest));
            self.audit.push(Entry { kind: "delete_manifest", tag: None, who, at, manifest, original: None });
        }
        let now = self.now;
        if let Some(kept) = &mut self.manifests[manifest] {
            kept.hidden = Some(now);
        }
        Ok(())
    }

    /// Immutability is unset by administrators only.
    fn check_right(&self, who: Who, tag: usize, asked: Asked) -> Attempt {
        let immutable = self.alive(tag).is_some_and(|found| self.lives[found].row.immutable);
        if immutable && asked.protection == Some(Protection::Unset) && who == Who::Writer {
            return Err(Outcome::Refused(Refusal::NeedsAdmin));
        }
        Ok(())
    }

    /// The end that is asked for, if any is; it must lie behind now and `earliest`.
    fn asked_end(&self, asked: Asked, earliest: i64) -> Attempt<Option<Option<i64>>> {
        let at = match asked.expiry {
            None => return Ok(None),
            Some(Expiry::Never) => return Ok(Some(None)),
            Some(Expiry::In(ms)) => self.now + ms,
            Some(Expiry::BeyondTheCalendar) => YEAR_10000,
        };
        if at <= self.now.max(earliest) || at >= YEAR_10000 {
            return Err(Outcome::Refused(Refusal::ExpirationOutOfRange));
        }
        Ok(Some(Some(at)))
    }

    fn alive(&self, tag: usize) -> Option<usize> {
        self.lives.iter().position(|life| life.row.tag == tag && self.is_alive(life))
    }

    fn is_alive(&self, life: &Life) -> bool {
        !life.ended && life.row.reaches(self.now)
    }

    fn is_pullable(&self, manifest: usize) -> bool {
        self.manifests[manifest].is_some_and(|kept| kept.hidden.is_none())
    }

    /// Whether it was not dead for longer than the window. What is leased or listed by an index is not dead.
    fn is_restorable(&self, manifest: usize) -> bool {
        let Some(kept) = self.manifests[manifest] else { return false };
        let beyond = self.beyond();
        let mut lives = self.lives.iter().filter(|life| life.row.manifest == manifest);
        if lives.any(|life| life.row.reaches(beyond)) {
            return true;
        }
        match kept.hidden {
            Some(since) => since > beyond,
            None => {
                let listed = manifest == LISTED && self.manifests[INDEX].is_some();
                kept.lease_end > self.now || listed
            }
        }
    }

    /// Whether the index has a living tag, or never had one.
    fn is_living_index(&self) -> bool {
        let mut lives = self.lives.iter().filter(|life| life.row.manifest == INDEX);
        let living = lives.clone().any(|life| self.is_alive(life));
        self.is_pullable(INDEX) && (living || lives.next().is_none())
    }

    fn note(
        &mut self,
        kind: &'static str,
        tag: usize,
        who: Who,
        manifest: Option<usize>,
        original: Option<usize>,
    ) {
        self.audit.push(Entry { kind, tag: Some(tag), who, at: self.now, manifest, original });
    }

    fn note_amendments(&mut self, who: Who, tag: usize, asked: Asked, old_end: Option<i64>) {
        let clears_nothing = asked.expiry == Some(Expiry::Never) && old_end.is_none();
        if asked.expiry.is_some() && !clears_nothing {
            self.note("change_tag_expiration", tag, who, None, None);
        }
        if asked.protection.is_some() {
            self.note("change_tag_immutability", tag, who, None, None);
        }
    }

    /// Where the window begins.
    pub(crate) fn beyond(&self) -> i64 {
        self.now - WINDOW
    }

    /// What must be seen now.
    pub(crate) fn seen(&self) -> Seen {
        let mut names: Vec<usize> = (0..TAGS.len()).filter(|tag| self.alive(*tag).is_some()).collect();
        names.sort_by_key(|tag| TAGS[*tag]);
        Seen {
            listed: self.listed(|life| life.row.reaches(self.beyond())),
            names,
            by_tag: std::array::from_fn(|tag| match self.alive(tag) {
                Some(found) => Pull::Manifest(self.lives[found].row.manifest),
                None if self
                    .lives
                    .iter()
                    .any(|life| life.row.tag == tag && life.row.reaches(self.beyond())) =>
                {
                    Pull::Dead
                }
                None => Pull::Nothing,
            }),
            by_digest: std::array::from_fn(|manifest| self.is_pullable(manifest)),
            blobs: std::array::from_fn(|blob| {
                let held = BLOBS[blob].iter().any(|holder| self.manifests[*holder].is_some());
                held || self.leases[blob] > self.now
            }),
            audit: self.audit.iter().rev().take(ENTRIES).copied().collect(),
        }
    }

    /// What must be seen when the sequence is over.
    pub(crate) fn finally(&self) -> Finally {
        let living = self.listed(|life| self.is_alive(life));
        Finally {
            whole: self.listed(|life| life.row.reaches(i64::MIN)),
            living,
            told: std::array::from_fn(|tag| self.told(tag)),
        }
    }

    /// The history of a tag, newest first: a tag that was moved did not cease to be.
    fn told(&self, tag: usize) -> Vec<Told> {
        let mut told = Vec::new();
        let mut tell = |row: &Row, moved: bool, over: bool| {
            told.push(Told { manifest: row.manifest, at: row.start, deleted: false });
            if let Some(end) = row.end.filter(|end| !moved && (over || *end <= self.now)) {
                told.push(Told { manifest: row.manifest, at: end, deleted: true });
            }
        };
        for past in self.past.iter().filter(|past| past.row.tag == tag) {
            tell(&past.row, past.moved, true);
        }
        let rows: Vec<_> = self.lives.iter().map(|life| life.row).collect();
        let rows: Vec<_> = rows.into_iter().filter(|row| row.tag == tag && !row.is_purged()).collect();
        for (number, row) in rows.iter().enumerate() {
            let next = rows.get(number + 1);
            tell(row, next.is_some_and(|next| Some(next.start) == row.end), next.is_some());
        }
        told.reverse();
        told
    }

    fn listed(&self, wanted: impl Fn(&Life) -> bool) -> Vec<Row> {
        let mut rows: Vec<Row> =
            self.lives.iter().rev().filter(|life| wanted(life)).map(|life| life.row).collect();
        // Sorting keeps later ones before earlier ones where nothing else tells them apart.
        rows.sort_by_key(|row| (Reverse(row.start), TAGS[row.tag]));
        rows
    }
}
