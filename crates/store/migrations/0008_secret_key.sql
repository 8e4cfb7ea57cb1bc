-- What the secrets that can be shown again are derived from. Made once: a second row can't exist.
CREATE TABLE secret_key (
    id     BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    secret {bytes} NOT NULL
);
