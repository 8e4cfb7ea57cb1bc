-- How many bytes of blobs there are, as they were counted last. One row: a second can't exist.
CREATE TABLE registry_size (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    size_bytes BIGINT NOT NULL,
    counted_ms BIGINT, -- none: never
    asked_ms   BIGINT  -- when it was last asked to be counted
);
INSERT INTO registry_size (id, size_bytes) VALUES (1, 0);

-- What a superuser says of a signing key.
ALTER TABLE signing_key ADD COLUMN service {text} NOT NULL DEFAULT 'wharfinger';
ALTER TABLE signing_key ADD COLUMN title {text} NOT NULL DEFAULT '';
ALTER TABLE signing_key ADD COLUMN notes {text} NOT NULL DEFAULT '';
ALTER TABLE signing_key ADD COLUMN metadata {text} NOT NULL DEFAULT '{}'; -- JSON object
ALTER TABLE signing_key ADD COLUMN created_by BIGINT; -- none: the registry itself
-- From when on nothing is signed or checked with it. None: until it has a successor, and what it signed has expired.
ALTER TABLE signing_key ADD COLUMN expires_ms BIGINT;
