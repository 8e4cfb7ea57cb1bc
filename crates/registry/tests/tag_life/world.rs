//! The registry itself, spoken to by its use cases, and looked at from outside.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use wharfinger_model::tag::{Amendment, Expiration, Lifetime, Purge};
use wharfinger_model::{Digest, Reference, Role, TagName, Timestamp};
use wharfinger_registry::collect::{self, Strays};
use wharfinger_registry::tags::{
    self, Event, HistoryEntry, HistoryQuery, ListQuery, Living, ManifestWanted, TagUpdate, TagView,
};
use wharfinger_registry::{Caller, Error, ManifestError, Result, manifests};
use wharfinger_store::audit::{self, Recorded};
use wharfinger_store::lifetime::{self, Openness, Selection};

use super::seen::{ENTRIES, Entry, Finally, Outcome, Pull, Row, Seen, Told};
use super::step::{Asked, BLOBS, Expiry, INDEX, LISTED, MANIFESTS, Step, TAGS, Who};
use crate::support::{Person, Place, Repository, image, index, tag};

/// Every kind of entry that changes of tags leave.
const KINDS: [&str; 9] = [
    "push_repo",
    "create_tag",
    "move_tag",
    "revert_tag",
    "delete_tag",
    "delete_manifest",
    "permanently_delete_tag",
    "change_tag_expiration",
    "change_tag_immutability",
];

/// A registry with an administrator and a writer.
pub(crate) struct World {
    place: Place,
    namespace: (String, Person),
    admin: (Person, Arc<Caller>),
    writer: (Person, Arc<Caller>),
    manifests: [(Bytes, Digest); MANIFESTS],
    blobs: [Bytes; BLOBS.len()],
}

impl World {
    pub(crate) async fn new(place: Place) -> Self {
        let names = ["owner", "admin", "writer"].map(|name| format!("{name}-{}", crate::support::unique()));
        let [owner, admin, writer] = &names;
        let namespace = (owner.clone(), place.user(owner).await);
        let (admin, writer) = (place.user(admin).await, place.user(writer).await);
        let admin = (admin, place.caller(admin).await);
        let writer = (writer, place.caller(writer).await);
        let mut contents: [Bytes; MANIFESTS] = std::array::from_fn(|number| index(&number.to_string(), &[]));
        contents[INDEX] = index("lists", &[&contents[LISTED]]);
        let blobs: [Bytes; BLOBS.len()] = std::array::from_fn(|number| format!("blob {number}").into());
        for manifest in [1, 2] {
            let held = |blob: &usize| BLOBS[*blob].contains(&manifest);
            let held: Vec<_> = (0..BLOBS.len()).filter(held).map(|blob| &blobs[blob]).collect();
            contents[manifest] = image(&held);
        }
        let manifests = contents.map(|content| {
            let digest = Digest::sha256(&content);
            (content, digest)
        });
        Self { place, namespace, admin, writer, manifests, blobs }
    }

    pub(crate) fn now(&self) -> i64 {
        self.place.clock.now().as_ms()
    }

    /// An empty repository with both roles on it.
    pub(crate) async fn repository(&self) -> Repository {
        let roles = [(self.admin.0, Role::Admin), (self.writer.0, Role::Write)];
        self.place.repository((&self.namespace.0, self.namespace.1), &roles).await
    }

    /// Does a step. An answer that no reference can give fails the test.
    pub(crate) async fn take(&self, repository: &Repository, step: Step) -> Outcome {
        match self.attempt(repository, step).await {
            Ok(()) => Outcome::Done,
            Err(Error::Tag { refusal, name }) => {
                assert!(TAGS.contains(&name.as_str()), "the refusal names the tag {name}");
                Outcome::Refused(refusal)
            }
            Err(Error::NoManifest) => Outcome::NoManifest,
            Err(Error::Manifest(ManifestError::UnknownChild(digest)))
                if digest == self.manifests[LISTED].1 =>
            {
                Outcome::UnknownChild
            }
            Err(Error::Manifest(ManifestError::NeededByIndex(digest)))
                if digest == self.manifests[INDEX].1 =>
            {
                Outcome::NeededByIndex
            }
            Err(other) => panic!("{step:?} gave {other:?}"),
        }
    }

    async fn attempt(&self, repository: &Repository, step: Step) -> Result<()> {
        let (registry, name) = (&self.place.registry, &repository.name);
        match step {
            Step::Wait(time) => {
                self.place.clock.advance(time);
                Ok(())
            }
            Step::Collect => collect::collect(registry, Strays::Leave).await.map(drop),
            Step::CloseExpired => tags::close_expired(registry).await.map(drop),
            Step::Push { who, tag, manifest } => {
                self.push(repository, who, Reference::Tag(tag_name(tag)), manifest).await
            }
            Step::PushByDigest { who, manifest } => {
                self.push(repository, who, Reference::Digest(self.digest(manifest).clone()), manifest).await
            }
            Step::Move { who, tag, manifest, asked } => {
                let manifest_digest = Some(ManifestWanted::Digest(self.digest(manifest).clone()));
                let update = TagUpdate { manifest_digest, amendment: self.amendment(asked) };
                tags::change(registry, self.caller(who), name, &tag_name(tag), update).await
            }
            Step::Amend { who, tag, asked } => {
                let update = TagUpdate { manifest_digest: None, amendment: self.amendment(asked) };
                tags::change(registry, self.caller(who), name, &tag_name(tag), update).await
            }
            Step::Delete { who, tag } => tags::delete(registry, self.caller(who), name, TAGS[tag]).await,
            Step::DeleteByReference { who, tag } => {
                manifests::delete(registry, self.caller(who), name, &Reference::Tag(tag_name(tag))).await
            }
            Step::Restore { who, tag, manifest } => {
                let digest = Some(self.digest(manifest).as_str());
                tags::restore(registry, self.caller(who), name, TAGS[tag], digest).await
            }
            Step::DeleteManifest { who, manifest } => {
                let reference = Reference::Digest(self.digest(manifest).clone());
                manifests::delete(registry, self.caller(who), name, &reference).await
            }
            Step::PurgeLiving { who, tag } => {
                tags::purge(registry, self.caller(who), name, TAGS[tag], Purge::Living).await
            }
            Step::PurgeDead { who, tag, manifest } => {
                let dead = Purge::Dead(Some(self.digest(manifest).as_str()));
                tags::purge(registry, self.caller(who), name, TAGS[tag], dead).await
            }
        }
    }

    async fn push(&self, repository: &Repository, who: Who, at: Reference, manifest: usize) -> Result<()> {
        let (content, digest) = &self.manifests[manifest];
        let registry = &self.place.registry;
        for (blob, holders) in self.blobs.iter().zip(BLOBS) {
            if holders.contains(&manifest) {
                self.place.push_blob(self.caller(who), repository, blob).await?;
            }
        }
        let pushed = manifests::push(
            registry,
            self.caller(who),
            &repository.name,
            manifests::Push::to(&at, None, content.clone()),
        )
        .await?;
        assert_eq!(pushed.digest, *digest);
        Ok(())
    }

    fn caller(&self, who: Who) -> &Arc<Caller> {
        match who {
            Who::Admin => &self.admin.1,
            Who::Writer => &self.writer.1,
        }
    }

    fn amendment(&self, asked: Asked) -> Amendment {
        let expiration = asked.expiry.map(|expiry| match expiry {
            Expiry::Never => Expiration::Never,
            Expiry::In(ms) => Expiration::At(Timestamp::from_ms(self.now() + ms)),
            Expiry::BeyondTheCalendar => Expiration::At(Timestamp::YEAR_10000),
        });
        Amendment { expiration, protection: asked.protection }
    }

    /// What can be seen of the repository.
    pub(crate) async fn see(&self, repository: &Repository) -> Seen {
        let (id, limit) = (repository.id, i64::try_from(ENTRIES).unwrap());
        let entries = self.place.db.read(move |tx| audit::newest(tx, id, limit)).await.unwrap();
        let mut seen = Seen {
            listed: self.list(repository, Living::AndDead).await,
            names: self.names(repository).await,
            by_tag: [Pull::Nothing; TAGS.len()],
            by_digest: [false; MANIFESTS],
            blobs: [false; BLOBS.len()],
            audit: entries.iter().map(|entry| self.entry(entry)).collect(),
        };
        for (number, pull) in seen.by_tag.iter_mut().enumerate() {
            *pull = self.pull(repository, Reference::Tag(tag_name(number))).await;
        }
        for (number, present) in seen.by_digest.iter_mut().enumerate() {
            let pull = self.pull(repository, Reference::Digest(self.digest(number).clone())).await;
            assert!(
                matches!(pull, Pull::Nothing) || pull == Pull::Manifest(number),
                "{number} gave {pull:?}"
            );
            *present = pull != Pull::Nothing;
        }
        for (seen, blob) in seen.blobs.iter_mut().zip(&self.blobs) {
            *seen = self.place.has_blob(&self.writer.1, repository, blob).await;
        }
        seen
    }

    /// What is looked at once more when a sequence is over.
    pub(crate) async fn see_finally(&self, repository: &Repository) -> Finally {
        let id = repository.id;
        let whole = self.place.db.read(move |tx| {
            let all = Selection {
                repository: id,
                beyond: Timestamp::from_ms(i64::MIN),
                open: Openness::Any,
                name: None,
                containing: None,
            };
            lifetime::list(tx, &all, 1000, 0)
        });
        Finally {
            whole: whole
                .await
                .unwrap()
                .iter()
                .map(|row| self.row(&row.name, &row.digest, &row.lifetime))
                .collect(),
            living: self.list(repository, Living::Only).await,
            told: [
                self.told(repository, 0).await,
                self.told(repository, 1).await,
                self.told(repository, 2).await,
            ],
        }
    }

    async fn told(&self, repository: &Repository, tag: usize) -> Vec<Told> {
        let query = HistoryQuery { limit: 1000, before: None, since: None, digest: None };
        let name = tag_name(tag);
        let history = tags::history(&self.place.registry, &self.writer.1, &repository.name, &name, query);
        let told = |entry: HistoryEntry| Told {
            manifest: self.number(entry.digest.as_str()),
            at: entry.at.as_ms(),
            deleted: entry.event == Event::Deleted,
        };
        history.await.unwrap().entries.into_iter().map(told).collect()
    }

    /// That every file has its row and every row its file, and nothing waits to be deleted.
    pub(crate) async fn assert_bytes_agree(&self) {
        self.place.assert_bytes_agree().await;
    }

    async fn list(&self, repository: &Repository, living: Living) -> Vec<Row> {
        let query = ListQuery { page: 1, limit: 100, living, specific: None, filter: None };
        let listing = tags::list(&self.place.registry, &self.admin.1, &repository.name, query);
        let page = listing.await.unwrap();
        assert!(!page.has_additional);
        page.tags.iter().map(|view| self.listed(view)).collect()
    }

    fn listed(&self, view: &TagView) -> Row {
        let children = view.index.as_ref().map_or(0, |index| index.children.len());
        assert_eq!(children, usize::from(view.digest == self.manifests[INDEX].1), "{view:?}");
        let TagView { start, end, reversion, immutable, .. } = *view;
        self.row(&view.name, &view.digest, &Lifetime { manifest: (), start, end, reversion, immutable })
    }

    async fn names(&self, repository: &Repository) -> Vec<usize> {
        let naming = tags::names(&self.place.registry, &self.writer.1, &repository.name, 100, "");
        naming.await.unwrap().tags.iter().map(tag_number).collect()
    }

    async fn pull(&self, repository: &Repository, reference: Reference) -> Pull {
        match manifests::pull(&self.place.registry, &self.writer.1, &repository.name, &reference).await {
            Ok(pulled) => {
                assert_eq!(Digest::sha256(&pulled.content), pulled.digest);
                Pull::Manifest(self.number(pulled.digest.as_str()))
            }
            Err(Error::TagDead(_)) => Pull::Dead,
            Err(Error::NoManifest) => Pull::Nothing,
            Err(other) => panic!("a pull by {reference} gave {other:?}"),
        }
    }

    fn row<M>(&self, name: &TagName, digest: &Digest, lifetime: &Lifetime<M>) -> Row {
        Row {
            tag: tag_number(name),
            manifest: self.number(digest.as_str()),
            start: lifetime.start.as_ms(),
            end: lifetime.end.map(Timestamp::as_ms),
            reversion: lifetime.reversion,
            immutable: lifetime.immutable,
        }
    }

    fn entry(&self, entry: &Recorded) -> Entry {
        let metadata: Value = serde_json::from_str(&entry.metadata).unwrap();
        let manifest = |key: &str| metadata[key].as_str().map(|digest| self.number(digest));
        let who = [(&self.admin, Who::Admin), (&self.writer, Who::Writer)];
        let who = who.into_iter().find(|(person, _)| Some(person.0.0) == entry.account);
        Entry {
            kind: KINDS
                .into_iter()
                .find(|kind| *kind == entry.kind)
                .expect("a kind of entry that changes leave"),
            tag: metadata
                .get("tag")
                .map(|of| TAGS.iter().position(|tag| of == tag).expect("the entry names one of the tags")),
            who: who.expect("the entry names one of the two").1,
            at: entry.at.as_ms(),
            manifest: manifest("manifest_digest").or_else(|| manifest("digest")),
            original: manifest("original_manifest_digest"),
        }
    }

    fn digest(&self, manifest: usize) -> &Digest {
        &self.manifests[manifest].1
    }

    fn number(&self, digest: &str) -> usize {
        self.manifests.iter().position(|(_, known)| known.as_str() == digest).expect("one of the manifests")
    }
}

fn tag_name(number: usize) -> TagName {
    tag(TAGS[number])
}

fn tag_number(name: &TagName) -> usize {
    TAGS.iter().position(|tag| *tag == name.as_str()).expect("one of the tags")
}
