-- People: what they tell of themselves, teams, robots, tokens for single programs, default permissions.

-- A deleted account keeps its row, under a name that nobody can have: the log tells who it was, and what it leaves
-- behind is collected later. Its name is free at once.
ALTER TABLE account ADD COLUMN former_name {text};
ALTER TABLE account ADD COLUMN deleted_ms BIGINT;
-- One that is not enabled can do nothing, whatever it shows.
ALTER TABLE account ADD COLUMN enabled BOOLEAN NOT NULL DEFAULT TRUE;
CREATE INDEX account_kind ON account (kind, name) WHERE deleted_ms IS NULL;

CREATE TABLE profile (
    account_id      BIGINT NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    given_name      {text},
    family_name     {text},
    company         {text},
    location        {text},
    contact_email   {text},
    invoice_email   BOOLEAN NOT NULL,
    invoice_address {text}
);

ALTER TABLE team ADD COLUMN description {text} NOT NULL DEFAULT '';

CREATE TABLE team_permission (
    team_id       BIGINT NOT NULL REFERENCES team (id) ON DELETE CASCADE,
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    role          {text} NOT NULL CHECK (role IN ('read', 'write', 'admin')),
    full_name     {text} NOT NULL, -- the repository's, for lists in its order
    PRIMARY KEY (repository_id, team_id)
);
CREATE INDEX team_permission_team ON team_permission (team_id, full_name, repository_id);

-- What an account of kind `robot` has besides its name, which is its owner's, a plus, and its short name.
CREATE TABLE robot (
    account_id   BIGINT NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    owner_id     BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    short_name   {text} NOT NULL,
    description  {text} NOT NULL,
    metadata     {text} NOT NULL, -- JSON object
    token_nonce  {text} NOT NULL, -- the token is derived from it
    last_used_ms BIGINT,          -- to some minutes
    UNIQUE (owner_id, short_name)
);

-- App-specific tokens: the public half finds the row, and the secret half is derived from it.
CREATE TABLE app_token (
    id           {id},
    uuid         {text} NOT NULL UNIQUE,
    lookup       {text} NOT NULL UNIQUE,
    account_id   BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    title        {text} NOT NULL,
    created_ms   BIGINT NOT NULL,
    expires_ms   BIGINT,
    last_used_ms BIGINT           -- to some minutes
);
CREATE INDEX app_token_account ON app_token (account_id, id);

-- What is given on each new repository of an organization.
CREATE TABLE prototype (
    id              {id},
    uuid            {text} NOT NULL UNIQUE,
    organization_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    activating_id   BIGINT REFERENCES account (id) ON DELETE CASCADE, -- only when this one makes it
    account_id      BIGINT REFERENCES account (id) ON DELETE CASCADE,
    team_id         BIGINT REFERENCES team (id) ON DELETE CASCADE,
    role            {text} NOT NULL CHECK (role IN ('read', 'write', 'admin')),
    CHECK ((account_id IS NULL) <> (team_id IS NULL))
);
CREATE INDEX prototype_organization ON prototype (organization_id, id);
CREATE INDEX prototype_activating ON prototype (activating_id) WHERE activating_id IS NOT NULL;
CREATE INDEX prototype_account ON prototype (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX prototype_team ON prototype (team_id) WHERE team_id IS NOT NULL;

-- The log of everything, for superusers.
CREATE INDEX audit_everything ON audit (at_ms DESC, id DESC);
