//! Finding repositories, namespaces, teams and robots by parts of their names. Nothing is found that its caller could not
//! see otherwise.

use std::sync::Arc;

use wharfinger_model::Scope;
use wharfinger_store::account::{self, Kind};
use wharfinger_store::{Tx, repository, team};

use crate::repositories::RepositoryEntry;
use crate::repositories::visible::sight;
use crate::{Caller, Error, Registry, Result};

/// Repositories on a page.
pub const PAGE: i64 = 10;
/// The last page that there is: whoever looks for more has to say better for what.
const LAST_PAGE: i64 = 10;
/// Of each kind, where all kinds are looked for.
const OF_EACH: i64 = 5;
/// Longest text that is looked for, in characters; of a longer one the rest is ignored.
const LONGEST: usize = 255;

/// A repository that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRepository {
    /// As lists show it.
    pub entry: RepositoryEntry,
    /// Whether its namespace is an organization or a user.
    pub of_organization: bool,
    /// How many like it.
    pub stars: i64,
}

impl From<repository::Found> for FoundRepository {
    fn from(found: repository::Found) -> Self {
        let of_organization = found.namespace_kind == Kind::Organization;
        Self { entry: found.listed.into(), of_organization, stars: found.stars }
    }
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPage {
    /// The best first.
    pub repositories: Vec<FoundRepository>,
    /// Which page it is, counted from 1.
    pub page: i64,
    /// Whether others follow.
    pub more: bool,
}

/// Repositories that the caller may read and whose full names contain a text.
///
/// # Errors
/// When the store fails.
pub async fn repositories(
    registry: &Registry,
    caller: &Arc<Caller>,
    text: &str,
    page: i64,
) -> Result<FoundPage> {
    let (caller, now, page) = (Arc::clone(caller), registry.now(), page.clamp(1, LAST_PAGE));
    let settings = registry.settings().clone();
    let Some(text) = wanted(text) else {
        return Ok(FoundPage { repositories: Vec::new(), page, more: false });
    };
    registry
        .scan(move |tx| {
            let reader = sight(tx, &caller, &settings)?.reader();
            let viewer = caller.account().map(|account| account.id);
            let part = (PAGE + 1, (page - 1) * PAGE);
            let mut found = repository::search(tx, &text, reader, part, (viewer, now))?;
            let more = found.len() as i64 > PAGE;
            found.truncate(usize::try_from(PAGE).unwrap_or(0));
            Ok(FoundPage { repositories: found.into_iter().map(FoundRepository::from).collect(), page, more })
        })
        .await
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A team of an organization.
    Team {
        /// Its name.
        name: String,
        /// The organization's.
        organization: String,
    },
    /// A robot, by its full name.
    Robot(String),
    /// A repository.
    Repository(FoundRepository),
    /// A user.
    User(String),
    /// An organization.
    Organization(String),
}

impl Found {
    /// What the text is compared with.
    fn name(&self) -> &str {
        match self {
            Self::Team { name, .. } | Self::User(name) | Self::Organization(name) => name,
            Self::Robot(name) => name.split_once('+').map_or(name.as_str(), |(_, short)| short),
            Self::Repository(found) => found.entry.name.name(),
        }
    }

    /// How well it fits what was looked for: the more of its name that is, the better. One kind of thing is more often
    /// meant than another.
    pub fn score(&self, text: &str) -> f64 {
        let weight = match self {
            Self::Repository(found) => return found.score(text),
            Self::Team { .. } => 2.0,
            Self::Robot(_) | Self::User(_) | Self::Organization(_) => 1.0,
        };
        weight * closeness(self.name(), text)
    }
}

impl FoundRepository {
    /// As [`Found::score`].
    pub fn score(&self, text: &str) -> f64 {
        4.0 * closeness(self.entry.name.name(), text)
    }
}

/// From a half to one: how much of the name the text is.
fn closeness(name: &str, text: &str) -> f64 {
    let text = text.to_ascii_lowercase();
    let part = if name.contains(&text) { text.len() as f64 / name.len().max(1) as f64 } else { 0.0 };
    f64::midpoint(1.0, part)
}

/// Whatever the caller may see and has a text in its name: the best first. Namespaces have it at the beginning.
///
/// # Errors
/// When the store fails.
pub async fn everything(registry: &Registry, caller: &Arc<Caller>, text: &str) -> Result<Vec<Found>> {
    let (caller, now, settings) = (Arc::clone(caller), registry.now(), registry.settings().clone());
    let Some(text) = wanted(text).filter(|text| !text.is_empty()) else { return Ok(Vec::new()) };
    registry
        .scan(move |tx| {
            let reader = sight(tx, &caller, &settings)?.reader();
            let viewer = caller.account().map(|account| account.id);
            let mut found = Vec::new();
            if let (Some(account), true) = (reader.account, caller.has_scope(Scope::OrgAdmin)) {
                let teams = team::containing(tx, account, &text, OF_EACH)?;
                found
                    .extend(teams.into_iter().map(|(name, organization)| Found::Team { name, organization }));
                let robots = account::robots_containing(tx, account, &text, OF_EACH)?;
                found.extend(robots.into_iter().map(Found::Robot));
            }
            let repositories = repository::search(tx, &text, reader, (OF_EACH, 0), (viewer, now))?;
            found.extend(repositories.into_iter().map(|it| Found::Repository(it.into())));
            for (name, kind) in account::namespaces_beginning(tx, &text, reader, OF_EACH)? {
                let organization = kind == Kind::Organization;
                found.push(if organization { Found::Organization(name) } else { Found::User(name) });
            }
            found.sort_by(|a, b| b.score(&text).total_cmp(&a.score(&text)));
            Ok(found)
        })
        .await
}

/// What to look for: names have lower case only. `None` for what no name can have and not every store takes.
fn wanted(text: &str) -> Option<String> {
    let text = text.trim().chars().take(LONGEST).collect::<String>().to_ascii_lowercase();
    (!text.contains('\0')).then_some(text)
}

/// Somebody who can be given something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entity {
    /// A user.
    User {
        /// Its name.
        name: String,
        /// Whether it is in a team of the organization that was asked about, if one was.
        is_member: Option<bool>,
    },
    /// A robot of the namespace that was asked about.
    Robot {
        /// Its full name.
        name: String,
        /// Whether the namespace is an organization.
        of_organization: bool,
    },
    /// A team of the organization that was asked about.
    Team(String),
    /// The organization itself.
    Organization(String),
}

/// What is asked for, besides users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityQuery {
    /// How their names begin.
    pub prefix: String,
    /// Also robots of this namespace, for those who are in it.
    pub namespace: Option<String>,
    /// And its teams.
    pub teams: bool,
    /// And itself.
    pub organizations: bool,
}

/// Users whose names begin with a text, and robots and teams of a namespace that the caller is in.
///
/// # Errors
/// [`Error::Unauthenticated`] when nobody is signed in: the names of all users are not for everybody.
pub async fn entities(registry: &Registry, caller: &Arc<Caller>, query: EntityQuery) -> Result<Vec<Entity>> {
    if caller.is_anonymous() {
        return Err(Error::Unauthenticated);
    }
    let caller = Arc::clone(caller);
    registry.scan(move |tx| find_entities(tx, &caller, &query)).await
}

fn find_entities(tx: &mut Tx<'_>, caller: &Caller, query: &EntityQuery) -> Result<Vec<Entity>> {
    let Some(prefix) = wanted(&query.prefix) else { return Ok(Vec::new()) };
    let named = match &query.namespace {
        Some(name) => account::namespace(tx, name)?,
        None => None,
    };
    let organization = named.as_ref().filter(|named| named.kind == Kind::Organization);
    let mut entities = Vec::new();
    if let Some(named) = &named
        && caller.looks_into(named.kind, caller.membership(tx, named)?)
    {
        let of_organization = organization.is_some();
        if of_organization && query.teams {
            let teams = team::beginning(tx, named.id, &prefix, PAGE)?;
            entities.extend(teams.into_iter().map(Entity::Team));
        }
        let short = prefix.strip_prefix(&format!("{}+", named.name)).unwrap_or(&prefix);
        let robots = account::robots_beginning(tx, named.id, short, PAGE)?;
        entities.extend(robots.into_iter().map(|name| Entity::Robot { name, of_organization }));
        if of_organization && query.organizations && named.name.starts_with(&prefix) {
            entities.push(Entity::Organization(named.name.clone()));
        }
    }
    let users = account::users_beginning(tx, &prefix, organization.map(|it| it.id), PAGE)?;
    entities.extend(users.into_iter().map(|(name, is_member)| Entity::User {
        name,
        is_member: organization.is_some().then_some(is_member),
    }));
    Ok(entities)
}
