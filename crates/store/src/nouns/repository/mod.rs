//! Repositories.

mod list;
mod search;

use wharfinger_model::{RepositoryName, RepositoryState, Role, Timestamp};

pub use list::{Listed, Reader, Source, Span, list, names, starred};
pub use search::{Found, search};

use super::account::Kind;
use super::{AccountId, RepositoryId, TeamId};
use crate::{Result, Tx, params, sql};

/// A living repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Key.
    pub id: RepositoryId,
    /// Whether everybody may read it.
    pub public: bool,
    /// As its owner wrote it.
    pub description: Option<String>,
    /// Whether what is in it may change.
    pub state: RepositoryState,
}

/// A namespace, the repository of a name in it, and what one account is to both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The account that is the namespace.
    pub namespace: AccountId,
    /// Whether the namespace is an organization or a user.
    pub namespace_kind: Kind,
    /// How long dead tags in it can be restored, in milliseconds.
    pub window_ms: i64,
    /// Whether the account is in a team that administers the namespace.
    pub team_admin: bool,
    /// Whether the account is in a team that may create repositories.
    pub team_creator: bool,
    /// The repository, if there is one of that name.
    pub repository: Option<Repository>,
    /// The highest role on the repository itself that was given to the account or to a team that it is in.
    pub granted: Option<Role>,
    /// Whether the account was disabled or deleted, or became an organization, so that it may do no more than anybody.
    pub disabled: bool,
}

/// How `account` stands to the repository called `name`; `None` if not even the namespace exists.
pub fn standing(
    tx: &mut Tx<'_>,
    name: &RepositoryName,
    account: Option<AccountId>,
) -> Result<Option<Standing>> {
    tx.optional(
        sql!(
            "SELECT n.id, n.kind, n.window_ms,
                    EXISTS (SELECT 1 FROM team t JOIN team_member m ON m.team_id = t.id
                            WHERE t.organization_id = n.id AND t.role = 'admin' AND m.account_id = ?3),
                    EXISTS (SELECT 1 FROM team t JOIN team_member m ON m.team_id = t.id
                            WHERE t.organization_id = n.id AND t.role = 'creator' AND m.account_id = ?3),
                    r.id, r.public, r.description, p.role,
                    (SELECT CASE MAX(CASE tp.role WHEN 'admin' THEN 3 WHEN 'write' THEN 2 ELSE 1 END)
                            WHEN 3 THEN 'admin' WHEN 2 THEN 'write' WHEN 1 THEN 'read' END
                     FROM team_permission tp JOIN team_member m ON m.team_id = tp.team_id
                     WHERE tp.repository_id = r.id AND m.account_id = ?3),
                    EXISTS (SELECT 1 FROM account c
                            WHERE c.id = ?3 AND (c.enabled = FALSE OR c.kind = 'organization')), r.state
             FROM account n
             LEFT JOIN repository r ON r.namespace_id = n.id AND r.name = ?2 AND r.deleted_ms IS NULL
             LEFT JOIN permission p ON p.repository_id = r.id AND p.account_id = ?3
             WHERE n.name = ?1 AND n.kind <> 'robot'"
        ),
        params![name.namespace(), name.name(), account],
        |row| {
            let repository = match row.get::<Option<RepositoryId>>(5)? {
                Some(id) => Some(Repository {
                    id,
                    public: row.get(6)?,
                    description: row.get(7)?,
                    state: row.get(11)?,
                }),
                None => None,
            };
            Ok(Standing {
                namespace: row.get(0)?,
                namespace_kind: row.get(1)?,
                window_ms: row.get(2)?,
                team_admin: row.get(3)?,
                team_creator: row.get(4)?,
                repository,
                granted: row.get::<Option<Role>>(8)?.max(row.get(9)?),
                disabled: row.get(10)?,
            })
        },
    )
}

/// The public or private repository called `name`, without a look at anybody's rights.
pub fn by_name(tx: &mut Tx<'_>, name: &RepositoryName) -> Result<Option<(Repository, AccountId, i64)>> {
    tx.optional(
        sql!(
            "SELECT r.id, r.public, r.description, r.state, n.id, n.window_ms
             FROM repository r JOIN account n ON n.id = r.namespace_id
             WHERE n.name = ?1 AND r.name = ?2 AND r.deleted_ms IS NULL"
        ),
        params![name.namespace(), name.name()],
        |row| {
            let repository = Repository {
                id: row.get(0)?,
                public: row.get(1)?,
                description: row.get(2)?,
                state: row.get(3)?,
            };
            Ok((repository, row.get(4)?, row.get(5)?))
        },
    )
}

/// What a new repository is made of.
#[derive(Debug)]
pub struct NewRepository<'a> {
    /// The account it belongs to.
    pub namespace: AccountId,
    /// What stands behind the namespace's slash.
    pub name: &'a str,
    /// Whether everybody may read it.
    pub public: bool,
    /// As its owner wrote it.
    pub description: Option<&'a str>,
}

/// Adds a repository.
///
/// # Errors
/// A unique violation when the name is taken.
pub fn insert(tx: &mut Tx<'_>, new: &NewRepository<'_>, now: Timestamp) -> Result<RepositoryId> {
    tx.one(
        sql!(
            "INSERT INTO repository (namespace_id, name, full_name, description, public, created_ms)
             VALUES (?1, ?2, (SELECT name FROM account WHERE id = ?1) || '/' || ?2, ?3, ?4, ?5) RETURNING id"
        ),
        params![new.namespace, new.name, new.description, new.public, now],
        |row| row.get(0),
    )
}

/// Counts one more change of the repository's tags and holds its row until the unit of work ends, so that changes of
/// one repository's content happen one after another. The state that it has now, unless it is not there any more.
pub fn lock(tx: &mut Tx<'_>, id: RepositoryId) -> Result<Option<RepositoryState>> {
    tx.optional(
        sql!(
            "UPDATE repository SET revision = revision + 1 WHERE id = ?1 AND deleted_ms IS NULL RETURNING state"
        ),
        params![id],
        |row| row.get(0),
    )
}

/// Holds the repository's row like [`lock`], for work that changes none of its tags.
pub fn hold(tx: &mut Tx<'_>, id: RepositoryId) -> Result<()> {
    tx.execute(sql!("UPDATE repository SET revision = revision WHERE id = ?1"), params![id]).map(drop)
}

/// How often the repository's tags were changed.
pub fn revision(tx: &mut Tx<'_>, id: RepositoryId) -> Result<i64> {
    tx.one(sql!("SELECT revision FROM repository WHERE id = ?1"), params![id], |row| row.get(0))
}

/// Shows the repository to everybody, or hides it again.
pub fn set_public(tx: &mut Tx<'_>, id: RepositoryId, public: bool) -> Result<()> {
    tx.execute(sql!("UPDATE repository SET public = ?2 WHERE id = ?1"), params![id, public]).map(drop)
}

/// Lets what is in the repository change, or not.
pub fn set_state(tx: &mut Tx<'_>, id: RepositoryId, state: RepositoryState) -> Result<()> {
    tx.execute(sql!("UPDATE repository SET state = ?2 WHERE id = ?1"), params![id, state]).map(drop)
}

/// Rewrites the description.
pub fn set_description(tx: &mut Tx<'_>, id: RepositoryId, description: Option<&str>) -> Result<()> {
    tx.execute(sql!("UPDATE repository SET description = ?2 WHERE id = ?1"), params![id, description])
        .map(drop)
}

/// Takes the repository out of sight and frees its name; its content is collected later.
pub fn delete(tx: &mut Tx<'_>, id: RepositoryId, now: Timestamp) -> Result<()> {
    tx.execute(
        sql!("UPDATE repository SET deleted_ms = ?2 WHERE id = ?1 AND deleted_ms IS NULL"),
        params![id, now],
    )
    .map(drop)
}

/// At most `limit` names in one namespace after `after`, without the namespace, in the order of their bytes.
pub fn names_in(tx: &mut Tx<'_>, namespace: AccountId, after: &str, limit: i64) -> Result<Vec<String>> {
    tx.all(
        sql!(
            "SELECT name FROM repository WHERE namespace_id = ?1 AND deleted_ms IS NULL AND name > ?2
             ORDER BY name LIMIT ?3"
        ),
        params![namespace, after, limit],
        |row| row.get(0),
    )
}

/// The full name of a living repository.
pub fn name_of(tx: &mut Tx<'_>, id: RepositoryId) -> Result<Option<RepositoryName>> {
    tx.optional(
        sql!("SELECT full_name FROM repository WHERE id = ?1 AND deleted_ms IS NULL"),
        params![id],
        |row| row.get(0),
    )
}

/// At most `limit` repositories of a namespace after the first `offset`, in the order of their names' bytes.
pub fn page_in(
    tx: &mut Tx<'_>,
    namespace: AccountId,
    limit: i64,
    offset: i64,
) -> Result<Vec<(RepositoryId, RepositoryName)>> {
    tx.all(
        sql!(
            "SELECT id, full_name FROM repository WHERE namespace_id = ?1 AND deleted_ms IS NULL
             ORDER BY name LIMIT ?2 OFFSET ?3"
        ),
        params![namespace, limit, offset],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
