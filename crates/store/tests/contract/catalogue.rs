//! Every statement of the store, without running it.

use rusqlite::Connection;
use wharfinger_store::testing::{TestStore, each_engine};
use wharfinger_store::{STATEMENTS, Sql};

/// Fewer would mean that the linker has left some out.
const AT_LEAST: usize = 60;

#[tokio::test]
async fn every_statement_is_understood_by_both_engines() {
    assert!(STATEMENTS.len() >= AT_LEAST, "only {} statements are on the list", STATEMENTS.len());
    each_engine(async |store| {
        let mut wrong = Vec::new();
        for sql in STATEMENTS {
            // Each in a unit of its own, since nothing more can be said in one where a statement failed.
            if let Err(error) = store.read(move |tx| tx.prepare(sql)).await {
                wrong.push(format!("{error}:\n{}", sql.sqlite()));
            }
        }
        assert!(wrong.is_empty(), "{:?}:\n{}", store.engine(), wrong.join("\n\n"));
    })
    .await;
}

/// The numbers of a statement's parameters, in the order of the text; `None` if a question mark is no parameter's.
fn parameters(sql: &Sql) -> Option<Vec<usize>> {
    let behind_marks = sql.sqlite().split('?').skip(1);
    behind_marks.map(|text| text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()).collect()
}

#[test]
fn a_question_mark_is_a_parameter_and_none_is_left_out() {
    for sql in STATEMENTS {
        let text = sql.sqlite();
        let mut numbers = parameters(sql).unwrap_or_else(|| panic!("a lone question mark: {text}"));
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "{text}");
        assert!(!text.contains('$') && !sql.postgres().contains('?'), "{text}");
    }
}

/// What SQLite does for a statement: number of the step that a step is part of, and its description.
fn plan(connection: &Connection, sql: &Sql) -> Vec<(i64, String)> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", sql.sqlite())).unwrap();
    let count = statement.parameter_count();
    let nothing = std::iter::repeat_n(rusqlite::types::Null, count);
    let steps =
        statement.query_map(rusqlite::params_from_iter(nothing), |row| Ok((row.get(1)?, row.get(3)?)));
    steps.unwrap().collect::<Result<_, _>>().unwrap()
}

/// The only statements that may sort or read a whole table: there is little to sort, or the table is small.
const SORTING: &[&str] = &[
    // The organizations of one account.
    "GROUP BY o.name",
    // The roles given on one repository.
    "FROM permission p JOIN account a",
    // Lists of people and of what they were given: the members of a team, of an organization, of a repository; at most
    // as many as one answer holds.
    "FROM team t WHERE t.organization_id = ?1 ORDER BY t.id LIMIT ?2",
    "ORDER BY a.name LIMIT ?2",
    "ORDER BY a.name, t.id LIMIT ?2",
    "ORDER BY a.name, r.name LIMIT ?2",
    "WHERE p.repository_id = ?1 ORDER BY t.name",
    "WHERE m.account_id = ?2 AND t.organization_id = ?1 ORDER BY t.id",
    "SELECT DISTINCT m.account_id",
    // For the superuser: every token, newest first, by its key.
    "FROM app_token t JOIN account a ON a.id = t.account_id ORDER BY t.id DESC",
    // The keys, of which there are a hundred at most.
    "FROM signing_key ORDER BY",
    "FROM signing_key k LEFT JOIN account a",
    "UPDATE signing_key SET created_ms = created_ms",
    // How much the registry holds: counted when a superuser has asked for it, and nobody waits for it.
    "SUM(size), 0) AS BIGINT) FROM blob",
    // How often each thing was done on each day: every entry of those days is counted, and there are few kinds.
    "SELECT at_ms / 86400000",
    // The namespaces that have policies, for the loop that prunes: nobody waits for it.
    "FROM prune_policy p LEFT JOIN pruned",
    // Some of the repositories that see a blob, at most 200, and the blobs that were stored last, by their keys.
    "FROM (SELECT l.repository_id FROM blob b JOIN repository_blob l",
    "SELECT digest FROM blob WHERE NOT lost ORDER BY id DESC LIMIT ?1",
    // Repositories by a part of their names: every name is looked at, and a thousand of those that were found are ranked.
    "AND r.full_name LIKE",
    // The teams of one account and of the organizations that it administers, and robots likewise.
    "WHERE t.id IN (SELECT m.team_id FROM team_member m",
    "WHERE b.owner_id IN (SELECT CAST(?1 AS BIGINT)",
    // How much was done in a repository on each day.
    "SELECT at_ms / 86400000, COUNT(*)",
    // What operators tell everybody: a few messages, by their keys.
    "FROM message ORDER BY id",
    // Whether any blob is lost, in an index that holds nothing else; and only then what one manifest needs.
    "SELECT 1 FROM blob WHERE lost = TRUE LIMIT 1",
    "WITH RECURSIVE needed",
    // Whether there is any user: it stops at the first, which is among the first accounts.
    "FROM account WHERE kind = 'user' LIMIT 1",
    // The most pulled tags of a namespace: every one is summed up that was pulled in that time.
    "SELECT r.name, s.name, CAST(SUM(b.pulls)",
];

#[tokio::test]
async fn every_statement_finds_its_rows_in_their_order_by_an_index() {
    let store = TestStore::sqlite().await;
    let connection = Connection::open(store.folder().unwrap().join("wharfinger.db")).unwrap();
    let costly: Vec<String> = STATEMENTS
        .iter()
        .filter(|sql| !SORTING.iter().any(|known| sql.sqlite().contains(known)))
        .map(|sql| (sql.sqlite(), plan(&connection, sql)))
        .filter(|(text, plan)| plan.iter().any(|step| is_costly(text, step)))
        .map(|(text, plan)| format!("{text}\n{plan:#?}"))
        .collect();
    assert!(costly.is_empty(), "{}", costly.join("\n\n"));
}

fn is_costly(text: &str, (parent, step): &(i64, String)) -> bool {
    // What is only added looks for nothing: the plan names what a row put in place of another would touch.
    let added = text.starts_with("INSERT") && text.contains("VALUES");
    // A page that has been picked may be read whole, and sorted again.
    let page = text.contains("AS picked") && *parent == 0;
    let whole = step.starts_with("SCAN") && step != "SCAN CONSTANT ROW" && !(page && step == "SCAN picked");
    !added && (whole || (step.contains("TEMP B-TREE") && !page))
}

#[tokio::test]
async fn pages_of_tags_are_picked_on_an_index_alone() {
    let store = TestStore::sqlite().await;
    let connection = Connection::open(store.folder().unwrap().join("wharfinger.db")).unwrap();
    let lists = STATEMENTS.iter().filter(|sql| sql.sqlite().contains("AS picked"));
    let plans: Vec<_> = lists.map(|sql| (sql.sqlite(), plan(&connection, sql))).collect();
    assert_eq!(plans.len(), 6, "a list has come or gone");
    for (text, plan) in plans.iter().filter(|(text, _)| !text.contains("name = ")) {
        let index = if text.contains("AND open = TRUE") { "lifetime_active" } else { "lifetime_history" };
        let picking = format!("SEARCH lifetime USING COVERING INDEX {index} (repository_id=?)");
        assert!(plan.iter().any(|(_, step)| *step == picking), "{text}\n{plan:#?}");
    }
    for (text, index) in [
        ("WHERE l.repository_id = ?1 AND l.name = ?2 AND l.open = TRUE", "lifetime_open"),
        ("WHERE repository_id = ?1 AND name = ?2 ORDER BY id DESC LIMIT 1", "lifetime_name"),
        ("UPDATE lifetime SET open = FALSE\n             WHERE +repository_id", "lifetime_expiring"),
        ("AND name = ?5 AND open = TRUE", "lifetime_open"),
        ("AND name = ?5 AND (end_ms IS NULL", "COVERING INDEX lifetime_told"),
        ("metadata FROM audit", "audit_repository"),
    ] {
        let sql =
            STATEMENTS.iter().find(|sql| sql.sqlite().contains(text)).unwrap_or_else(|| panic!("no {text}"));
        let plan = plan(&connection, sql);
        assert!(plan.iter().any(|(_, step)| step.contains(index)), "{text}\n{plan:#?}");
    }
}

/// How the log finds who did something.
const PERFORMER: &str = "SEARCH a USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN";
/// And in whose namespace.
const NAMESPACE: &str = "SEARCH n USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN";

/// Lists whose pages cost the same wherever they lie, whatever else there is: what a statement says, and what SQLite does
/// for it. The indexes hold nothing that is not listed, except the one of tags, which tells by itself who has expired.
const IN_ORDER: &[(&str, &[&str])] = &[
    (
        "SELECT name FROM lifetime\n             WHERE repository_id = ?1 AND open = TRUE AND name > ?2",
        &["SEARCH lifetime USING COVERING INDEX lifetime_living (repository_id=? AND name>?)"],
    ),
    (
        "SELECT id, repository_id FROM lifetime",
        &["SEARCH lifetime USING INDEX lifetime_expiring (end_ms>? AND end_ms<?)"],
    ),
    (
        "SELECT r.full_name FROM repository r\n             WHERE r.deleted_ms IS NULL",
        &["SEARCH r USING INDEX repository_full_name (full_name>? AND full_name<?)"],
    ),
    (
        "SELECT r.full_name FROM repository r\n             WHERE r.public = TRUE",
        &["SEARCH r USING INDEX repository_public (full_name>? AND full_name<?)"],
    ),
    (
        "SELECT name FROM repository WHERE namespace_id = ?1",
        &["SEARCH repository USING INDEX repository_name (namespace_id=? AND name>?)"],
    ),
    (
        "SELECT t.full_name FROM permission t",
        &[
            "SEARCH t USING COVERING INDEX permission_account (account_id=? AND full_name>? AND full_name<?)",
            // Whether it is still there.
            "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)",
        ],
    ),
    (
        "SELECT t.full_name FROM team_permission t",
        &[
            "SEARCH t USING COVERING INDEX team_permission_team (team_id=? AND full_name>? AND full_name<?)",
            "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)",
        ],
    ),
    (
        "WHERE kind = ?1 AND deleted_ms IS NULL AND name > ?2",
        &["SEARCH account USING INDEX account_kind (kind=? AND name>?)"],
    ),
    (
        "SELECT digest, size FROM manifest\n                 WHERE repository_id = ?1 AND subject = ?2 AND subject IS NOT NULL AND deleted_ms IS NULL\n                   AND digest",
        &["SEARCH manifest USING INDEX manifest_referrer (repository_id=? AND subject=? AND digest>?)"],
    ),
    (
        "SELECT digest, size FROM manifest\n                 WHERE repository_id = ?1 AND subject = ?2 AND subject IS NOT NULL AND deleted_ms IS NULL\n                   AND SUBSTR",
        &[
            "SEARCH manifest USING INDEX manifest_referrer_type (repository_id=? AND subject=? AND <expr>=? AND digest>?)",
        ],
    ),
    (
        "WHERE e.repository_id = ?5 AND e.at_ms",
        &[
            "SEARCH e USING INDEX audit_repository (repository_id=? AND at_ms>? AND at_ms<?)",
            PERFORMER,
            NAMESPACE,
        ],
    ),
    (
        "WHERE e.namespace_id = ?5 AND e.at_ms",
        &[
            "SEARCH e USING INDEX audit_namespace (namespace_id=? AND at_ms>? AND at_ms<?)",
            PERFORMER,
            NAMESPACE,
        ],
    ),
    ("WHERE e.at_ms", &["SEARCH e USING INDEX audit_everything (at_ms>? AND at_ms<?)", PERFORMER, NAMESPACE]),
    (
        "WHERE e.account_id = ?5 AND e.at_ms",
        &[
            "SEARCH e USING INDEX audit_performer (account_id=? AND at_ms>? AND at_ms<?)",
            PERFORMER,
            NAMESPACE,
        ],
    ),
    (
        "WHERE e.account_id = ?6 AND +e.namespace_id = ?5",
        &[
            "SEARCH e USING INDEX audit_performer (account_id=? AND at_ms>? AND at_ms<?)",
            PERFORMER,
            NAMESPACE,
        ],
    ),
];

#[tokio::test]
async fn lists_are_read_in_their_order_from_where_a_page_begins() {
    let store = TestStore::sqlite().await;
    let connection = Connection::open(store.folder().unwrap().join("wharfinger.db")).unwrap();
    for (text, steps) in IN_ORDER {
        let mut found = STATEMENTS.iter().filter(|sql| sql.sqlite().contains(text));
        let sql = found.next().unwrap_or_else(|| panic!("no {text}"));
        assert!(found.next().is_none(), "more than one {text}");
        let plan = plan(&connection, sql);
        assert_eq!(plan.iter().map(|(_, step)| step.as_str()).collect::<Vec<_>>(), *steps, "{text}");
    }
}

#[tokio::test]
async fn entries_of_the_log_are_counted_on_an_index_alone() {
    let store = TestStore::sqlite().await;
    let connection = Connection::open(store.folder().unwrap().join("wharfinger.db")).unwrap();
    let counts: Vec<_> =
        STATEMENTS.iter().filter(|sql| sql.sqlite().contains("SELECT at_ms / 86400000")).collect();
    assert_eq!(counts.len(), 6, "a count has come or gone");
    for sql in counts {
        let plan = plan(&connection, sql);
        let alone = plan.iter().any(|(_, step)| step.starts_with("SEARCH audit USING COVERING INDEX audit_"));
        assert!(alone, "{}\n{plan:#?}", sql.sqlite());
    }
}

#[tokio::test]
async fn collection_looks_at_nothing_that_is_alive() {
    let store = TestStore::sqlite().await;
    let connection = Connection::open(store.folder().unwrap().join("wharfinger.db")).unwrap();
    for (text, indexes) in [
        ("FROM lifetime WHERE end_ms IS NOT NULL AND repository_id > ?1", &["lifetime_ended"][..]),
        ("FROM manifest WHERE deleted_ms IS NOT NULL AND repository_id > ?1", &["manifest_hidden"]),
        ("FROM examination WHERE repository_id > ?1", &["examination_due"]),
        ("FROM repository_blob WHERE held = FALSE AND repository_id > ?1", &["repository_blob_free"]),
        ("FROM pull_series WHERE ended = TRUE AND repository_id > ?1", &["pull_series_ended"]),
        (
            "SELECT 1 WHERE\n                EXISTS (SELECT 1 FROM lifetime WHERE repository_id = ?1 AND end_ms",
            &[
                "lifetime_ended",
                "lifetime_purged",
                "manifest_hidden",
                "examination_due",
                "repository_blob_free",
                "pull_series_ended",
            ],
        ),
        ("FROM lifetime\n             WHERE repository_id = ?1 AND end_ms IS NOT NULL", &["lifetime_ended"]),
        (
            "SELECT id, digest FROM manifest\n             WHERE repository_id = ?1 AND deleted_ms",
            &["manifest_hidden"],
        ),
        ("DELETE FROM repository_blob\n", &["sqlite_autoindex_repository_blob_1", "repository_blob_free"]),
    ] {
        let mut found = STATEMENTS.iter().filter(|sql| sql.sqlite().contains(text));
        let sql = found.next().unwrap_or_else(|| panic!("no {text}"));
        assert!(found.next().is_none(), "more than one {text}");
        let plan = plan(&connection, sql);
        // One inside the other is answered by its own index.
        let mut searches = plan.iter().filter(|(_, step)| {
            step.starts_with("SEARCH")
                && !step.contains("lifetime_manifest")
                && !step.contains("manifest_child")
        });
        for index in indexes {
            let search = searches.next().unwrap_or_else(|| panic!("{text}\n{plan:#?}"));
            assert!(search.1.contains(&format!("INDEX {index} ")), "{text}\n{plan:#?}");
        }
        assert!(searches.next().is_none(), "{text}\n{plan:#?}");
    }
}

#[tokio::test]
async fn the_history_of_a_tag_is_read_from_where_a_page_begins_to_where_it_ends() {
    let store = TestStore::sqlite().await;
    let connection = Connection::open(store.folder().unwrap().join("wharfinger.db")).unwrap();
    for (text, page) in [
        (
            "WHERE l.repository_id = ?1 AND l.name = ?2 AND l.start_ms < ?3",
            "SEARCH l USING INDEX lifetime_told (repository_id=? AND name=? AND start_ms>? AND start_ms<?)",
        ),
        (
            "WHERE l.manifest_id = (SELECT",
            "SEARCH l USING INDEX lifetime_manifest (manifest_id=? AND name=? AND start_ms>? AND start_ms<?)",
        ),
        (
            "name = ?2 AND start_ms < ?3",
            "SEARCH past_lifetime USING INDEX past_lifetime_name (repository_id=? AND name=? AND start_ms>? AND start_ms<?)",
        ),
        (
            "name = ?2 AND digest = ?6",
            "SEARCH past_lifetime USING INDEX past_lifetime_digest (repository_id=? AND name=? AND digest=? AND start_ms>? AND start_ms<?)",
        ),
    ] {
        let mut found = STATEMENTS.iter().filter(|sql| sql.sqlite().contains(text));
        let sql = found.next().unwrap_or_else(|| panic!("no {text}"));
        assert!(found.next().is_none(), "more than one {text}");
        let plan = plan(&connection, sql);
        assert!(plan.iter().any(|(_, step)| step == page), "{text}\n{plan:#?}");
    }
}

#[tokio::test]
async fn whoever_waits_for_what_has_come_is_found_by_its_digest() {
    let store = TestStore::sqlite().await;
    let connection = Connection::open(store.folder().unwrap().join("wharfinger.db")).unwrap();
    let missing = "INDEX sqlite_autoindex_missing_blob_1 (repository_id=? AND digest=?)";
    for (text, search) in [
        ("SELECT b.digest FROM blob b WHERE", missing),
        ("SELECT b.digest, b.id FROM manifest_blob h", missing),
        ("DELETE FROM missing_blob WHERE repository_id", missing),
        (
            "UPDATE manifest_child SET child_id = ?1",
            "INDEX manifest_child_missing (repository_id=? AND digest=?)",
        ),
    ] {
        let sql = STATEMENTS.iter().find(|sql| sql.sqlite().starts_with(text)).unwrap();
        let plan = plan(&connection, sql);
        assert!(plan.iter().any(|(_, step)| step.contains(search)), "{text}\n{plan:#?}");
    }
}
