-- Bytes that are gone, and manifests that are going.

-- Whether the bytes are lost: what lay in their place was put aside, or there was nothing. Until they are pushed again
-- nobody is told that the blob is there.
ALTER TABLE blob ADD COLUMN lost BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX blob_lost ON blob (id) WHERE lost = TRUE;

-- Set while the manifest is taken away, some of its rows at a time: the key of the last of its referrers that was put on
-- the list of examinations. To everybody it is gone already; a push of it begins anew.
ALTER TABLE manifest ADD COLUMN leaving BIGINT;

-- Holds the key, so that referrers are gone through some at a time.
DROP INDEX manifest_subject;
CREATE INDEX manifest_subject ON manifest (repository_id, subject, id) WHERE subject IS NOT NULL;
