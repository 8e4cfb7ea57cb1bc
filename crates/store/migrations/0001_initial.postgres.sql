-- Lifetimes of a name are only ever appended, so the newest one tells whether a new one overlaps any.
CREATE FUNCTION lifetime_no_overlap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (
            SELECT end_ms FROM lifetime WHERE repository_id = NEW.repository_id AND name = NEW.name
            ORDER BY id DESC LIMIT 1
        ) AS last
        WHERE last.end_ms IS NULL OR last.end_ms > NEW.start_ms
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'lifetime_no_overlap',
            MESSAGE = 'lifetime_no_overlap';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER lifetime_no_overlap BEFORE INSERT ON lifetime
    FOR EACH ROW EXECUTE FUNCTION lifetime_no_overlap();

CREATE FUNCTION lifetime_history_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.repository_id <> OLD.repository_id OR NEW.name <> OLD.name
        OR NEW.manifest_id <> OLD.manifest_id OR NEW.start_ms <> OLD.start_ms OR NEW.reversion <> OLD.reversion
        OR (NEW.open AND NOT OLD.open)
        OR EXISTS (
            SELECT 1 FROM lifetime AS other
            WHERE other.repository_id = NEW.repository_id AND other.name = NEW.name
              AND other.id > NEW.id AND (NEW.end_ms IS NULL OR NEW.end_ms > other.start_ms)
        )
    THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'lifetime_history_stands',
            MESSAGE = 'lifetime_history_stands';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER lifetime_history_stands BEFORE UPDATE ON lifetime
    FOR EACH ROW EXECUTE FUNCTION lifetime_history_stands();
