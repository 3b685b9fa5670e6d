-- changed_at --
-- 'infinity': the theme names a column that nothing was written to yet, and no fire has recorded it.
SELECT CASE WHEN NOT target_columns @> %(columns)s::jsonb THEN 'infinity' ELSE target_changed_at END::text
FROM waves.theme WHERE theme_id = %(theme)s

-- record --
UPDATE waves.theme
   SET target_changed_at = CASE WHEN target_columns @> %(columns)s::jsonb IS NOT FALSE THEN target_changed_at
                                ELSE clock_timestamp() END,
       target_columns = %(columns)s::jsonb
 WHERE theme_id = %(theme)s AND target_columns IS DISTINCT FROM %(columns)s::jsonb

-- settle --
UPDATE waves.theme SET target_changed_at = NULL WHERE theme_id = %(theme)s AND target_changed_at IS NOT NULL
