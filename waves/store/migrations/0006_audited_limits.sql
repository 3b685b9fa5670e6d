-- A changed limit is in the audit log whoever changed it: `wave config`, which names who asked for it and why
-- (waves.actor, waves.reason), or plain SQL, where it is the role that logged in.

CREATE FUNCTION waves.audit_limit() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$   -- who may change limits need not be able to write the log
DECLARE
    before text;
    after  text;
    said   text;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        before := OLD.value;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        after := NEW.value;
        IF TG_OP = 'INSERT' OR NEW.reason IS DISTINCT FROM OLD.reason THEN
            said := NEW.reason;
        END IF;
    END IF;
    IF before IS DISTINCT FROM after THEN
        INSERT INTO waves.audit_log (theme_id, actor, entity_id, before_json, after_json, reason)
        VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.theme_id ELSE NEW.theme_id END,
                coalesce(nullif(current_setting('waves.actor', true), ''), session_user),
                'limit ' || CASE TG_OP WHEN 'DELETE' THEN OLD.key ELSE NEW.key END,
                jsonb_build_object('value', before), jsonb_build_object('value', after),
                coalesce(nullif(current_setting('waves.reason', true), ''), nullif(trim(said), ''),
                         'no reason was given'));
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER theme_config_is_audited AFTER INSERT OR DELETE OR UPDATE OF value ON waves.theme_config
    FOR EACH ROW EXECUTE FUNCTION waves.audit_limit();
