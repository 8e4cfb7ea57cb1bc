-- Instants are milliseconds since the epoch, UTC. {id}, {bytes} and {text} become each engine's own type;
-- {text} compares by bytes on both.

-- Whoever has a name: users, organizations and robots. Users and organizations own repositories.
CREATE TABLE account (
    id            {id},
    name          {text} NOT NULL UNIQUE,
    kind          {text} NOT NULL CHECK (kind IN ('user', 'organization', 'robot')),
    email         {text},
    password_hash {text},
    superuser     BOOLEAN NOT NULL,
    window_ms     BIGINT NOT NULL CHECK (window_ms >= 0), -- how long its dead tags can be restored
    created_ms    BIGINT NOT NULL
);

-- The first user is made once: a second row can't exist.
CREATE TABLE bootstrap (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    account_id BIGINT NOT NULL REFERENCES account (id)
);

CREATE TABLE team (
    id              {id},
    organization_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name            {text} NOT NULL,
    role            {text} NOT NULL CHECK (role IN ('member', 'creator', 'admin')),
    UNIQUE (organization_id, name)
);

CREATE TABLE team_member (
    team_id    BIGINT NOT NULL REFERENCES team (id) ON DELETE CASCADE,
    account_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    PRIMARY KEY (team_id, account_id)
);
CREATE INDEX team_member_account ON team_member (account_id);

-- OAuth 2 access tokens: the public half finds the row, the secret half is kept as a hash.
CREATE TABLE access_token (
    id          {id},
    lookup      {text} NOT NULL UNIQUE,
    secret_hash {bytes} NOT NULL,
    account_id  BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    application {text} NOT NULL,
    scopes      {text} NOT NULL,
    created_ms  BIGINT NOT NULL,
    expires_ms  BIGINT NOT NULL
);

-- Browser sessions, found by the hash of the cookie.
CREATE TABLE session (
    cookie_hash {bytes} NOT NULL PRIMARY KEY,
    account_id  BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    created_ms  BIGINT NOT NULL,
    expires_ms  BIGINT NOT NULL
);

-- What registry tokens are signed with. The newest signs; all verify.
CREATE TABLE signing_key (
    id         {id},
    name       {text} NOT NULL UNIQUE,
    secret     {bytes} NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE TABLE repository (
    id           {id},
    namespace_id BIGINT NOT NULL REFERENCES account (id),
    name         {text} NOT NULL,
    description  {text},
    public       BOOLEAN NOT NULL,
    revision     BIGINT NOT NULL DEFAULT 0, -- counts changes of tags; writing it locks the row
    created_ms   BIGINT NOT NULL,
    deleted_ms   BIGINT
);
CREATE UNIQUE INDEX repository_name ON repository (namespace_id, name) WHERE deleted_ms IS NULL;

CREATE TABLE permission (
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    account_id    BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    role          {text} NOT NULL CHECK (role IN ('read', 'write', 'admin')),
    PRIMARY KEY (repository_id, account_id)
);
CREATE INDEX permission_account ON permission (account_id);

-- Content, stored once per registry.
CREATE TABLE blob (
    id         {id},
    digest     {text} NOT NULL UNIQUE,
    size       BIGINT NOT NULL CHECK (size >= 0),
    created_ms BIGINT NOT NULL
);

-- A repository sees a blob while one of its manifests holds it, or a lease runs.
CREATE TABLE repository_blob (
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    blob_id       BIGINT NOT NULL REFERENCES blob (id),
    lease_end_ms  BIGINT NOT NULL,
    held          BOOLEAN NOT NULL,
    PRIMARY KEY (repository_id, blob_id)
);
CREATE INDEX repository_blob_blob ON repository_blob (blob_id);

CREATE TABLE upload (
    id            {text} NOT NULL PRIMARY KEY,
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    account_id    BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    state         {bytes} NOT NULL,
    expires_ms    BIGINT NOT NULL
);
CREATE INDEX upload_expiry ON upload (expires_ms);

-- Stored once per repository and digest, bytes as they came.
CREATE TABLE manifest (
    id                {id},
    repository_id     BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    digest            {text} NOT NULL,
    media_type        {text} NOT NULL,
    size              BIGINT NOT NULL,
    layers_size       BIGINT, -- sum of the layers; an index has none
    subject           {text},
    artifact_type     {text}, -- as referrers are listed: declared, or an image's config type
    annotations       {text}, -- JSON object, for referrers
    created_ms        BIGINT NOT NULL,
    lease_end_ms      BIGINT NOT NULL, -- kept until then though nothing needs it
    deleted_ms        BIGINT,          -- hidden from readers since then by a deletion by digest
    content           {bytes} NOT NULL,
    UNIQUE (repository_id, digest)
);
CREATE INDEX manifest_subject ON manifest (repository_id, subject) WHERE subject IS NOT NULL;

CREATE TABLE manifest_blob (
    manifest_id BIGINT NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
    blob_id     BIGINT NOT NULL REFERENCES blob (id),
    PRIMARY KEY (manifest_id, blob_id)
);
CREATE INDEX manifest_blob_blob ON manifest_blob (blob_id);

-- The entries of an index, in its order; a digest may stand there twice.
CREATE TABLE manifest_child (
    manifest_id BIGINT NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
    position    BIGINT NOT NULL,
    digest      {text} NOT NULL,
    child_id    BIGINT REFERENCES manifest (id),
    PRIMARY KEY (manifest_id, position)
);
CREATE INDEX manifest_child_child ON manifest_child (child_id);

-- A tag is a name with a series of these. An open lifetime is the last of its name and was not ended by a change:
-- it is alive until its end, if it has one. There is at most one, and lifetimes of a name never overlap.
CREATE TABLE lifetime (
    id            {id},
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    name          {text} NOT NULL,
    manifest_id   BIGINT NOT NULL REFERENCES manifest (id),
    start_ms      BIGINT NOT NULL,
    end_ms        BIGINT CHECK (end_ms >= start_ms),
    open          BOOLEAN NOT NULL CHECK (open OR end_ms IS NOT NULL),
    reversion     BOOLEAN NOT NULL,
    immutable     BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX lifetime_open ON lifetime (repository_id, name) WHERE open = TRUE;
-- These hold the end too, so that a page far down is reached without a look at the rows before it.
CREATE INDEX lifetime_active ON lifetime (repository_id, start_ms DESC, name, id DESC, end_ms) WHERE open = TRUE;
CREATE INDEX lifetime_history ON lifetime (repository_id, start_ms DESC, name, id DESC, end_ms);
CREATE INDEX lifetime_name ON lifetime (repository_id, name, id DESC);
CREATE INDEX lifetime_manifest ON lifetime (manifest_id);

-- Who did what. Rows outlive what they speak of, so they point at nothing.
CREATE TABLE audit (
    id            {id},
    at_ms         BIGINT NOT NULL,
    kind          {text} NOT NULL,
    namespace_id  BIGINT NOT NULL,
    repository_id BIGINT,
    account_id    BIGINT, -- none: the registry itself
    address       {text},
    metadata      {text} NOT NULL -- JSON object
);
CREATE INDEX audit_repository ON audit (repository_id, id DESC);
CREATE INDEX audit_namespace ON audit (namespace_id, id DESC);

-- Pulls through a tag's name since it was last deleted: those of lifetimes up to `erased_through` don't count.
CREATE TABLE tag_pulls (
    repository_id  BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    name           {text} NOT NULL,
    pulls          BIGINT NOT NULL,
    last_ms        BIGINT,
    erased_through BIGINT NOT NULL,
    PRIMARY KEY (repository_id, name)
);

CREATE TABLE manifest_pulls (
    manifest_id BIGINT NOT NULL PRIMARY KEY REFERENCES manifest (id) ON DELETE CASCADE,
    pulls       BIGINT NOT NULL,
    last_ms     BIGINT NOT NULL
);
