-- overrides --
SELECT key, value FROM waves.theme_config WHERE theme_id = %(theme_id)s ORDER BY key
