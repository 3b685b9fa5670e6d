-- current --
SELECT wave_id, theme_id, rubric_version, kind, host, counts, state, reason, opened_at
FROM waves.wave WHERE theme_id = %(theme_id)s AND state IN ('open', 'submitted', 'held')

-- open --
INSERT INTO waves.wave (wave_id, theme_id, rubric_version, kind, host, counts)
VALUES (%(wave_id)s, %(theme_id)s, %(version)s, %(kind)s, %(host)s, %(counts)s)
ON CONFLICT DO NOTHING

-- lock_open --
SELECT theme_id, state FROM waves.wave
WHERE wave_id = %(wave_id)s AND state IN ('open', 'submitted', 'held')
FOR UPDATE

-- change --
UPDATE waves.wave
SET state = %(state)s,
    reason = %(reason)s,
    counts = coalesce(%(counts)s, counts),
    closed_at = CASE WHEN %(state)s IN ('closed', 'abandoned') THEN now() END
WHERE wave_id = %(wave_id)s

-- state --
SELECT state FROM waves.wave WHERE wave_id = %(wave_id)s

-- closed_before --
SELECT wave_id FROM waves.wave
WHERE theme_id = %(theme_id)s AND state = 'closed' AND closed_at < now() - make_interval(days => %(days)s)
ORDER BY wave_id
