-- Exports of logs: those of which somebody is still to be told, and those whose link is still good. What is exported is read
-- from the log when it is fetched, so a row only says which part of it that is.
CREATE TABLE export (
    uuid          {text} NOT NULL PRIMARY KEY,
    account_id    BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE, -- who asked
    namespace_id  BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    repository_id BIGINT,           -- NULL: all of the namespace. It may be gone: whoever waits is told so
    since_ms      BIGINT NOT NULL,
    until_ms      BIGINT NOT NULL,
    callback_url  {text} NOT NULL,
    link_prefix   {text} NOT NULL,  -- what its link begins with; the secret follows
    attempts      BIGINT NOT NULL DEFAULT 0,
    due_ms        BIGINT,           -- when to tell it next; NULL: it was told
    link_hash     {bytes},          -- SHA-256 of the secret in the newest link
    expires_ms    BIGINT            -- when that link ends
);
CREATE INDEX export_due ON export (due_ms, uuid) WHERE due_ms IS NOT NULL;
CREATE UNIQUE INDEX export_link ON export (link_hash) WHERE link_hash IS NOT NULL;
CREATE INDEX export_expires ON export (expires_ms) WHERE due_ms IS NULL;
CREATE INDEX export_namespace ON export (namespace_id);
