-- The batch of counted pulls that each process has written down last: so one whose commit nobody heard the answer of is
-- not written down twice.
CREATE TABLE pull_batch (
    process    {text} NOT NULL PRIMARY KEY,
    number     BIGINT NOT NULL,
    written_ms BIGINT NOT NULL
);
CREATE INDEX pull_batch_written ON pull_batch (written_ms);
