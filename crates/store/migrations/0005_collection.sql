-- What collection finds its work by. Each index and each list holds only what may have become garbage, so that what is
-- alive costs nothing to pass over.

CREATE INDEX lifetime_ended ON lifetime (repository_id, end_ms) WHERE end_ms IS NOT NULL;
CREATE INDEX lifetime_purged ON lifetime (repository_id, id) WHERE end_ms = start_ms;
CREATE INDEX manifest_hidden ON manifest (repository_id, deleted_ms) WHERE deleted_ms IS NOT NULL;
CREATE INDEX repository_blob_free ON repository_blob (repository_id, lease_end_ms) WHERE held = FALSE;
CREATE INDEX repository_deleted ON repository (id) WHERE deleted_ms IS NOT NULL;
CREATE INDEX upload_repository ON upload (repository_id);

-- Manifests that may be needed by nothing any more, and when to look.
CREATE TABLE examination (
    manifest_id   BIGINT NOT NULL PRIMARY KEY REFERENCES manifest (id) ON DELETE CASCADE,
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    due_ms        BIGINT NOT NULL
);
CREATE INDEX examination_due ON examination (repository_id, due_ms, manifest_id);
-- Nothing was ever examined before.
INSERT INTO examination (manifest_id, repository_id, due_ms) SELECT id, repository_id, lease_end_ms FROM manifest;

-- Referrers by their subject, hidden ones too.
CREATE INDEX manifest_subject ON manifest (repository_id, subject) WHERE subject IS NOT NULL;

-- The manifest's, so that whether a repository still needs a blob is one look, however many others hold it.
ALTER TABLE manifest_blob ADD COLUMN repository_id BIGINT NOT NULL DEFAULT 0;
UPDATE manifest_blob SET repository_id = (SELECT m.repository_id FROM manifest m WHERE m.id = manifest_blob.manifest_id);
DROP INDEX manifest_blob_blob;
CREATE INDEX manifest_blob_blob ON manifest_blob (blob_id, repository_id);

-- Lifetimes beyond the window. The history of a tag tells them still; nothing else does.
CREATE TABLE past_lifetime (
    id            BIGINT NOT NULL PRIMARY KEY, -- the key that it had
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    name          {text} NOT NULL,
    start_ms      BIGINT NOT NULL,
    end_ms        BIGINT NOT NULL,
    moved         BOOLEAN NOT NULL, -- whether the tag went on elsewhere
    digest        {text} NOT NULL,
    media_type    {text} NOT NULL,
    size          BIGINT NOT NULL
);
CREATE INDEX past_lifetime_name ON past_lifetime (repository_id, name, id DESC);

-- Bytes that no blob's row claims any more and that are about to be deleted. A push of the same digest takes it from
-- here.
CREATE TABLE doomed_blob (
    digest {text} NOT NULL PRIMARY KEY,
    size   BIGINT NOT NULL
);
