-- record --
INSERT INTO waves.audit_log (run_id, theme_id, actor, entity_id, before_json, after_json, reason)
VALUES (%(run_id)s, %(theme_id)s, %(actor)s, %(entity_id)s, %(before)s, %(after)s, %(reason)s)

-- entries --
-- The newest entries that match, in the order in which they were written, each with the number of all that match.
SELECT at, run_id, actor, entity, before::text, after::text, reason, fitting
FROM (
    SELECT id, created_at AS at, run_id, actor, entity_id AS entity, before_json AS before, after_json AS after, reason,
           count(*) OVER () AS fitting
    FROM waves.audit_log
    WHERE theme_id = %(theme_id)s
      AND (%(entities)s::text[] IS NULL OR entity_id = ANY (%(entities)s::text[]))
      AND (%(run_id)s::text IS NULL OR run_id = %(run_id)s)
      AND (%(actor)s::text IS NULL OR actor = %(actor)s)
      AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
    ORDER BY id DESC LIMIT %(limit)s
) AS newest
ORDER BY id

-- given_up_in --
SELECT coalesce(reason, 'no reason is known') AS reason, count(DISTINCT entity_id) AS rows
FROM waves.audit_log
WHERE run_id = %(run_id)s AND theme_id = %(theme_id)s AND after_json ->> 'state' IN ('quarantined', 'refused')
GROUP BY 1 ORDER BY 2 DESC, 1
