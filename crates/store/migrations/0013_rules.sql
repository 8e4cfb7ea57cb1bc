-- Whether a manifest has another living tag is one look, however many it had and has.
CREATE INDEX lifetime_pointing ON lifetime (manifest_id, name, end_ms) WHERE open = TRUE;
