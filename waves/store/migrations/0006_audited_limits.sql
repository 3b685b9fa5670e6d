-- A changed limit is in the audit log whoever changed it: `wave config`, which names who asked for it and why
-- (waves.actor, waves.reason), or plain SQL, where it is the role that logged in. A limit that gets another name or
-- another theme has two entries: gone here, new there.

CREATE FUNCTION waves.audit_limit() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp   -- who may set limits need not be able to write the log
AS $$
DECLARE
    moved boolean := TG_OP = 'UPDATE' AND (OLD.theme_id, OLD.key) <> (NEW.theme_id, NEW.key);
    said  text    := CASE WHEN TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (moved OR NEW.reason IS DISTINCT FROM OLD.reason)
                          THEN nullif(trim(NEW.reason), '') END;
BEGIN
    INSERT INTO waves.audit_log (theme_id, actor, entity_id, before_json, after_json, reason)
    SELECT change.theme_id, coalesce(nullif(current_setting('waves.actor', true), ''), session_user),
           'limit ' || change.key, jsonb_build_object('value', change.before), jsonb_build_object('value', change.after),
           coalesce(nullif(current_setting('waves.reason', true), ''), change.reason, 'no reason was given')
      FROM (VALUES (TG_OP = 'DELETE' OR moved, OLD.theme_id, OLD.key, OLD.value, NULL, NULL),
                   (TG_OP = 'INSERT' OR moved, NEW.theme_id, NEW.key, NULL, NEW.value, said),
                   (TG_OP = 'UPDATE' AND NOT moved AND OLD.value <> NEW.value,
                    NEW.theme_id, NEW.key, OLD.value, NEW.value, said)
           ) AS change (happened, theme_id, key, before, after, reason)
     WHERE change.happened;
    RETURN NULL;
END
$$;

CREATE TRIGGER theme_config_is_audited AFTER INSERT OR DELETE OR UPDATE OF theme_id, key, value ON waves.theme_config
    FOR EACH ROW EXECUTE FUNCTION waves.audit_limit();
