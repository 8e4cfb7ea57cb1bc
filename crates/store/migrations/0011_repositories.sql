-- What is remembered of repositories besides their content: whether it may change, who likes them, how often they are
-- pulled, and whom to tell of what.

ALTER TABLE repository ADD COLUMN state {text} NOT NULL DEFAULT 'NORMAL' CHECK (state IN ('NORMAL', 'READ_ONLY'));

CREATE TABLE star (
    account_id    BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    full_name     {text} NOT NULL, -- the repository's, for lists in its order
    PRIMARY KEY (repository_id, account_id)
);
CREATE INDEX star_account ON star (account_id, full_name, repository_id);

-- Pulls of all manifests of a repository, also of those that were collected since.
CREATE TABLE repository_pulls (
    repository_id BIGINT NOT NULL PRIMARY KEY REFERENCES repository (id) ON DELETE CASCADE,
    pulls         BIGINT NOT NULL
);
INSERT INTO repository_pulls (repository_id, pulls)
    SELECT m.repository_id, CAST(SUM(p.pulls) AS BIGINT)
    FROM manifest_pulls p JOIN manifest m ON m.id = p.manifest_id GROUP BY m.repository_id;

-- Whom to tell when something happens in a repository.
CREATE TABLE notification (
    id            {id},
    uuid          {text} NOT NULL UNIQUE,
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    title         {text},
    event         {text} NOT NULL,
    event_config  {text} NOT NULL, -- JSON object
    method        {text} NOT NULL,
    config        {text} NOT NULL, -- JSON object
    failures      BIGINT NOT NULL  -- in a row
);
CREATE INDEX notification_repository ON notification (repository_id, id);

-- What operators tell everybody.
CREATE TABLE message (
    id         {id},
    uuid       {text} NOT NULL UNIQUE,
    severity   {text} NOT NULL,
    media_type {text} NOT NULL,
    content    {text} NOT NULL
);

-- The indexes of the log hold the kind, too, so that counting is done on them alone.
DROP INDEX audit_everything;
DROP INDEX audit_repository;
DROP INDEX audit_namespace;
DROP INDEX audit_performer;
CREATE INDEX audit_everything ON audit (at_ms DESC, id DESC, kind);
CREATE INDEX audit_repository ON audit (repository_id, at_ms DESC, id DESC, kind);
CREATE INDEX audit_namespace ON audit (namespace_id, at_ms DESC, id DESC, kind);
CREATE INDEX audit_performer ON audit (account_id, at_ms DESC, id DESC, namespace_id, kind);
