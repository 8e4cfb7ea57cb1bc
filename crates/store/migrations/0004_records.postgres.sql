-- As before, but only the next lifetime is looked at: none of those behind it begins earlier, and there may be many.
CREATE OR REPLACE FUNCTION lifetime_history_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.repository_id <> OLD.repository_id OR NEW.name <> OLD.name
        OR NEW.manifest_id <> OLD.manifest_id OR NEW.start_ms <> OLD.start_ms OR NEW.reversion <> OLD.reversion
        OR (NEW.open AND NOT OLD.open)
        OR COALESCE((
            SELECT NEW.end_ms IS NULL OR NEW.end_ms > next.start_ms FROM lifetime AS next
            WHERE next.repository_id = NEW.repository_id AND next.name = NEW.name AND next.id > NEW.id
            ORDER BY next.id LIMIT 1
        ), FALSE)
    THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'lifetime_history_stands',
            MESSAGE = 'lifetime_history_stands';
    END IF;
    RETURN NEW;
END $$;
