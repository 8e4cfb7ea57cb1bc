-- Pulls over time.

-- What is counted over time: a repository, a tag of it, or a manifest by any name. What it was of may be gone; then its
-- rows are removed some at a time, and whatever has the same name later begins anew.
CREATE TABLE pull_series (
    id            {id},
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    name          {text},                         -- of the tag
    manifest_id   BIGINT REFERENCES manifest (id), -- neither: of the repository
    ended         BOOLEAN NOT NULL,
    CHECK (name IS NULL OR manifest_id IS NULL)
);
CREATE UNIQUE INDEX pull_series_tag ON pull_series (repository_id, name) WHERE name IS NOT NULL AND ended = FALSE;
CREATE UNIQUE INDEX pull_series_manifest ON pull_series (manifest_id) WHERE manifest_id IS NOT NULL;
CREATE UNIQUE INDEX pull_series_repository ON pull_series (repository_id)
    WHERE name IS NULL AND manifest_id IS NULL AND ended = FALSE;
CREATE INDEX pull_series_all ON pull_series (repository_id, id);
CREATE INDEX pull_series_ended ON pull_series (repository_id, id) WHERE ended = TRUE;

-- A pull is in one bucket of each series that it belongs to: first in that of its hour, then rolled up into that of its
-- day, and at last of its month.
CREATE TABLE pull_bucket (
    series_id BIGINT NOT NULL REFERENCES pull_series (id) ON DELETE CASCADE,
    start_ms  BIGINT NOT NULL,
    step      {text} NOT NULL CHECK (step IN ('hour', 'day', 'month')),
    method    {text} NOT NULL CHECK (method IN ('get', 'head')),
    client    {text} NOT NULL CHECK (client IN ('engine', 'builder', 'monitor', 'other')),
    pulls     BIGINT NOT NULL,
    PRIMARY KEY (series_id, start_ms, step, method, client)
);
CREATE INDEX pull_bucket_step ON pull_bucket (step, start_ms);

-- How many clients pulled on a day, counted from 1970. `hashes` can't be traced back to addresses once the day's key is
-- gone, and go themselves when nothing more is added.
CREATE TABLE pull_clients (
    series_id BIGINT NOT NULL REFERENCES pull_series (id) ON DELETE CASCADE,
    day       BIGINT NOT NULL,
    clients   BIGINT NOT NULL,
    hashes    {bytes},
    PRIMARY KEY (series_id, day)
);
CREATE INDEX pull_clients_day ON pull_clients (day);
CREATE INDEX pull_clients_open ON pull_clients (day) WHERE hashes IS NOT NULL;

-- What the addresses of clients are hashed with, each on its own day. Gone when the day is over.
CREATE TABLE pull_client_key (
    day    BIGINT NOT NULL PRIMARY KEY,
    secret {bytes} NOT NULL
);
