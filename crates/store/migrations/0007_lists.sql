-- Lists of what lives cost nothing for what has expired, and a page of one tag's history costs the same wherever it
-- begins.

-- Lifetimes that are going to end by themselves. Those that have are soon closed, and so leave every index of the open.
CREATE INDEX lifetime_expiring ON lifetime (end_ms) WHERE open = TRUE AND end_ms IS NOT NULL;

CREATE INDEX lifetime_told ON lifetime (repository_id, name, start_ms DESC, id DESC, end_ms);
-- Also by name and instant, for the history of a tag at one manifest.
DROP INDEX lifetime_manifest;
CREATE INDEX lifetime_manifest ON lifetime (manifest_id, name, start_ms DESC, id DESC);
-- What is past does not overlap either, and none of it is empty: the order of the starts is the order of the keys.
DROP INDEX past_lifetime_name;
CREATE INDEX past_lifetime_name ON past_lifetime (repository_id, name, start_ms DESC);
CREATE INDEX past_lifetime_digest ON past_lifetime (repository_id, name, digest, start_ms DESC);
