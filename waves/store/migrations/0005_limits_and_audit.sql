-- A limit that makes no sense is refused where it is written, whoever writes it, so that the last good value stays in
-- force. Rows that stand there already are left alone: a fire that meets a bad one says so.

-- The same bounds as those of the files (waves/theme_file.py); a test holds both together.
CREATE FUNCTION waves.limit_bounds()
RETURNS TABLE (key text, whole boolean, low numeric, low_included boolean, high numeric)
LANGUAGE sql IMMUTABLE AS $$
    VALUES ('keys',                      true,  1, true,  1000000),
           ('batch_size',                true,  1, true,  1000),
           ('parallel',                  true,  1, true,  1024),
           ('passes',                    true,  1, true,  20),
           ('max_attempts',              true,  1, true,  100),
           ('snooze_error_rate',         false, 0, false, 1),
           ('max_rows_without_approval', true,  0, true,  1000000000),
           ('max_orphan_rate',           false, 0, true,  1),
           ('drift_rows',                true,  0, true,  10000000),
           ('keep_days',                 true,  0, true,  100000),
           ('cap_usd_wave',              false, 0, true,  1000000000),
           ('cap_usd_day',               false, 0, true,  1000000000),
           ('cap_usd_month',             false, 0, true,  1000000000)
$$;

CREATE FUNCTION waves.check_limit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bound  record;
    number numeric;
BEGIN
    SELECT * INTO bound FROM waves.limit_bounds() AS b WHERE b.key = NEW.key;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation',
            MESSAGE = format('%s is no limit of a theme', left(NEW.key, 40)),
            HINT = 'Known: ' || (SELECT string_agg(b.key, ', ' ORDER BY b.key) FROM waves.limit_bounds() AS b);
    END IF;
    IF NEW.value ~ '^[+-]?[0-9]{1,20}$'
       OR NOT bound.whole AND NEW.value ~ '^[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][+-]?[0-9]{1,2})?$' THEN
        number := NEW.value::numeric;
    END IF;
    IF number IS NULL OR number > bound.high OR number < bound.low OR number = bound.low AND NOT bound.low_included THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation',
            MESSAGE = format('%s = %s: must be %s%s %s to %s', NEW.key, left(NEW.value, 40),
                             CASE WHEN number IS NULL AND bound.whole THEN 'a whole number '
                                  WHEN number IS NULL THEN 'a number ' ELSE '' END,
                             CASE WHEN bound.low_included THEN 'from' ELSE 'above' END, bound.low, bound.high),
            HINT = 'Nothing was changed: the value from before stays in force.';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER theme_config_is_checked BEFORE INSERT OR UPDATE OF key, value ON waves.theme_config
    FOR EACH ROW EXECUTE FUNCTION waves.check_limit();

-- The moment of the change, not of its transaction's beginning: so entries have the order of their moments.
ALTER TABLE waves.audit_log ALTER COLUMN created_at SET DEFAULT clock_timestamp();
