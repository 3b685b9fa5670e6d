-- overrides --
SELECT key, value FROM waves.theme_config WHERE theme_id = %(theme_id)s ORDER BY key

-- lock --
SELECT value FROM waves.theme_config WHERE theme_id = %(theme_id)s AND key = %(key)s FOR UPDATE

-- sign --
-- For the audit entry that the change triggers; the settings end with the transaction.
SELECT set_config('waves.actor', %(by)s, true), set_config('waves.reason', coalesce(%(reason)s, ''), true)

-- put --
INSERT INTO waves.theme_config (theme_id, key, value, reason, updated_by)
VALUES (%(theme_id)s, %(key)s, %(value)s, %(reason)s, %(by)s)
ON CONFLICT (theme_id, key) DO UPDATE
SET value = excluded.value, reason = excluded.reason, updated_by = excluded.updated_by, updated_at = now()

-- remove --
DELETE FROM waves.theme_config WHERE theme_id = %(theme_id)s AND key = %(key)s
