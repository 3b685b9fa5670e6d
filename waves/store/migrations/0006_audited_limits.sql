-- A changed limit is in the audit log whoever changed it: `wave config`, which names who asked for it and why
-- (waves.actor, waves.reason), or plain SQL, where it is the role that logged in.

CREATE FUNCTION waves.audit_limit(theme text, key text, before text, after text, said text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp   -- who may set limits need not be able to write the log
AS $$
    INSERT INTO waves.audit_log (theme_id, actor, entity_id, before_json, after_json, reason)
    VALUES (theme, coalesce(nullif(current_setting('waves.actor', true), ''), session_user), 'limit ' || key,
            jsonb_build_object('value', before), jsonb_build_object('value', after),
            coalesce(nullif(current_setting('waves.reason', true), ''), nullif(trim(said), ''), 'no reason was given'))
$$;

CREATE FUNCTION waves.limit_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.theme_id, OLD.key) = (NEW.theme_id, NEW.key) THEN
        IF OLD.value <> NEW.value THEN
            PERFORM waves.audit_limit(NEW.theme_id, NEW.key, OLD.value, NEW.value,
                                      CASE WHEN NEW.reason IS DISTINCT FROM OLD.reason THEN NEW.reason END);
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM waves.audit_limit(OLD.theme_id, OLD.key, OLD.value, NULL, NULL);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM waves.audit_limit(NEW.theme_id, NEW.key, NULL, NEW.value, NEW.reason);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER theme_config_is_audited AFTER INSERT OR DELETE OR UPDATE OF theme_id, key, value ON waves.theme_config
    FOR EACH ROW EXECUTE FUNCTION waves.limit_changed();
