-- Signing in, and applications that act for people.

-- When the password was last shown in it.
ALTER TABLE session ADD COLUMN verified_ms BIGINT NOT NULL DEFAULT 0;
UPDATE session SET verified_ms = created_ms;
CREATE INDEX session_account ON session (account_id, created_ms);
CREATE INDEX session_expiry ON session (expires_ms);

-- OAuth 2 clients. Their secrets are derived from the nonce.
CREATE TABLE application (
    id              {id},
    client_id       {text} NOT NULL UNIQUE,
    organization_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name            {text} NOT NULL,
    description     {text} NOT NULL,
    application_uri {text} NOT NULL,
    redirect_uri    {text} NOT NULL, -- empty: only the registry's own page gets tokens
    avatar_email    {text},
    secret_nonce    {text} NOT NULL,
    created_ms      BIGINT NOT NULL
);
CREATE INDEX application_organization ON application (organization_id, id);

-- Tokens of before belong to none of these applications; the text `application` tells what they were made for.
ALTER TABLE access_token ADD COLUMN uuid {text};
ALTER TABLE access_token ADD COLUMN application_id BIGINT REFERENCES application (id) ON DELETE CASCADE;
ALTER TABLE access_token ADD COLUMN name {text};       -- none: given by consent, not made by hand
ALTER TABLE access_token ADD COLUMN created_by {text};
ALTER TABLE access_token ADD COLUMN last_used_ms BIGINT; -- to some minutes
CREATE UNIQUE INDEX access_token_uuid ON access_token (uuid);
CREATE INDEX access_token_application ON access_token (application_id, id DESC) WHERE application_id IS NOT NULL;
CREATE INDEX access_token_account ON access_token (account_id, id DESC);
CREATE INDEX access_token_expiry ON access_token (expires_ms);

-- What an application exchanges for a token, once.
CREATE TABLE authorization_code (
    code_hash      {bytes} NOT NULL PRIMARY KEY,
    application_id BIGINT NOT NULL REFERENCES application (id) ON DELETE CASCADE,
    account_id     BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    redirect_uri   {text} NOT NULL,
    scopes         {text} NOT NULL,
    expires_ms     BIGINT NOT NULL
);
CREATE INDEX authorization_code_application ON authorization_code (application_id);
CREATE INDEX authorization_code_account ON authorization_code (account_id);
CREATE INDEX authorization_code_expiry ON authorization_code (expires_ms);
