-- record --
INSERT INTO waves.audit_log (run_id, theme_id, actor, entity_id, before_json, after_json, reason)
VALUES (%(run_id)s, %(theme_id)s, %(actor)s, %(entity_id)s, %(before)s, %(after)s, %(reason)s)
