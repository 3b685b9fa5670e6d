Target rows that show a verdict about another content. The rows are locked, and assessed by `judged` of gap.sql.

-- clear --
-- What somebody else wrote is told by the audit log: it holds what waves wrote to the row last.
, stale AS (
    SELECT j.entity_key, {keys}, j.before_json
      FROM judged AS j
     WHERE j.need = 'clear'
       AND j.before_json = (SELECT a.after_json FROM waves.audit_log AS a
                             WHERE a.theme_id = %(theme)s AND a.entity_id = j.entity_key AND a.actor = 'waves'
                               AND a.after_json ? {column}
                             ORDER BY a.id DESC LIMIT 1)
), cleared AS (
    UPDATE {target} AS t SET {defaults} FROM stale AS r WHERE {same_key}
 RETURNING r.entity_key, r.before_json, {after} AS after_json
), no_longer_applied AS (
    UPDATE waves.verdict AS v SET applied_at = NULL FROM cleared AS c
     WHERE v.theme_id = %(theme)s AND v.entity_key = c.entity_key AND v.applied_at IS NOT NULL
)
INSERT INTO waves.audit_log (run_id, theme_id, actor, entity_id, before_json, after_json, reason)
SELECT %(run)s, %(theme)s, 'waves', entity_key, before_json, after_json, %(reason)s FROM cleared
