-- What manifests name and their repository lacks. Whoever brings it finds here who waits for it.

-- Blobs. When one comes, its row makes place for one of manifest_blob.
CREATE TABLE missing_blob (
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    digest        {text} NOT NULL,
    manifest_id   BIGINT NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
    PRIMARY KEY (repository_id, digest, manifest_id)
);
CREATE INDEX missing_blob_manifest ON missing_blob (manifest_id);

-- Entries of indexes are known by having no child. The repository is the index's, so that those which wait for a
-- manifest are one look, in however many others the same is missing.
ALTER TABLE manifest_child ADD COLUMN repository_id BIGINT NOT NULL DEFAULT 0;
UPDATE manifest_child SET repository_id =
    (SELECT m.repository_id FROM manifest m WHERE m.id = manifest_child.manifest_id);
CREATE INDEX manifest_child_missing ON manifest_child (repository_id, digest) WHERE child_id IS NULL;
