-- Rules by which tags live: what an image says of itself, and what is laid down for a namespace or a repository.

-- From the labels and annotations of an image, or of everything that an index lists.
ALTER TABLE manifest ADD COLUMN expires_after_ms BIGINT CHECK (expires_after_ms > 0);
ALTER TABLE manifest ADD COLUMN born_immutable BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE manifest_label (
    id          {id},
    uuid        {text} NOT NULL UNIQUE,
    manifest_id BIGINT NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
    key         {text} NOT NULL, -- several may have the same
    value       {text} NOT NULL,
    media_type  {text} NOT NULL,
    source      {text} NOT NULL CHECK (source IN ('manifest', 'api')) -- with the image, or added by somebody
);
CREATE INDEX manifest_label_manifest ON manifest_label (manifest_id, id);

-- Without a repository it holds for all of the namespace's.
CREATE TABLE immutability_policy (
    id            {id},
    uuid          {text} NOT NULL UNIQUE,
    namespace_id  BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    repository_id BIGINT REFERENCES repository (id) ON DELETE CASCADE,
    pattern       {text} NOT NULL,   -- of the whole name
    matches       BOOLEAN NOT NULL,  -- whether it holds for names that match, or for all others
    applied       BOOLEAN NOT NULL,  -- whether the tags that lived when it was laid down are immutable by now
    changed_ms    BIGINT NOT NULL
);
CREATE INDEX immutability_policy_holding ON immutability_policy (namespace_id, id);
CREATE INDEX immutability_policy_unapplied ON immutability_policy (changed_ms) WHERE applied = FALSE;
CREATE UNIQUE INDEX immutability_policy_namespace ON immutability_policy (namespace_id, pattern)
    WHERE repository_id IS NULL;
CREATE UNIQUE INDEX immutability_policy_repository ON immutability_policy (repository_id, pattern)
    WHERE repository_id IS NOT NULL;

CREATE TABLE prune_policy (
    id            {id},
    uuid          {text} NOT NULL UNIQUE,
    namespace_id  BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    repository_id BIGINT REFERENCES repository (id) ON DELETE CASCADE,
    method        {text} NOT NULL CHECK (method IN ('number_of_tags', 'creation_date', 'not_pulled_for')),
    value         {text} NOT NULL,   -- a number, or a duration as it was written
    pattern       {text},            -- found anywhere in the name; none: every name
    matches       BOOLEAN NOT NULL,
    created_ms    BIGINT NOT NULL
);
CREATE INDEX prune_policy_namespace ON prune_policy (namespace_id, repository_id, id);
CREATE INDEX prune_policy_repository ON prune_policy (repository_id, id) WHERE repository_id IS NOT NULL;

-- When each namespace was last pruned.
CREATE TABLE pruned (
    namespace_id BIGINT NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    at_ms        BIGINT NOT NULL
);
