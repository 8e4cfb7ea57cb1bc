-- What the lists of the distribution API are read from, each in its own order and none by sorting.

-- `namespace/name`. The catalog is in the order of its bytes, which is not the order of the two parts: `a-b/x` comes
-- before `a/x`. Neither half of a name ever changes. Every row has one; the empty default only lets the column be added.
ALTER TABLE repository ADD COLUMN full_name {text} NOT NULL DEFAULT '';
-- The repository's, so that what an account was given is also listed in this order.
ALTER TABLE permission ADD COLUMN full_name {text} NOT NULL DEFAULT '';
UPDATE repository SET full_name =
    (SELECT a.name FROM account a WHERE a.id = repository.namespace_id) || '/' || repository.name;
UPDATE permission SET full_name = (SELECT r.full_name FROM repository r WHERE r.id = permission.repository_id);

CREATE UNIQUE INDEX repository_full_name ON repository (full_name) WHERE deleted_ms IS NULL;
CREATE INDEX repository_public ON repository (full_name) WHERE public = TRUE AND deleted_ms IS NULL;
DROP INDEX permission_account;
CREATE INDEX permission_account ON permission (account_id, full_name, repository_id);

-- Holds the end, so that tags which have expired are passed over without a look at their rows.
CREATE INDEX lifetime_living ON lifetime (repository_id, name, end_ms) WHERE open = TRUE;

-- A media type has at most 255 characters (RFC 6838, section 4.2), and a longer text might not fit into an index of
-- PostgreSQL.
DROP INDEX manifest_subject;
CREATE INDEX manifest_referrer ON manifest (repository_id, subject, digest)
    WHERE subject IS NOT NULL AND deleted_ms IS NULL;
CREATE INDEX manifest_referrer_type ON manifest (repository_id, subject, SUBSTR(artifact_type, 1, 256), digest)
    WHERE subject IS NOT NULL AND deleted_ms IS NULL;
