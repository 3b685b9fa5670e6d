-- enter --
-- %(settled)s is the state of an item whose attempts reach %(max_attempts)s.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(failures)s)
        AS f (entity_key text, input_hash text, reason text, raw text, call_id text, attempts integer)
), before AS (
    SELECT v.entity_key, v.input_hash, v.state, v.attempts
    FROM waves.verdict v JOIN given g ON g.entity_key = v.entity_key AND g.input_hash = v.input_hash
    WHERE v.theme_id = %(theme_id)s AND v.rubric_version = %(version)s
), after AS (
    INSERT INTO waves.verdict AS v
        (theme_id, entity_key, rubric_version, input_hash, state, attempts, reason, raw, call_id, wave_id, run_id)
    SELECT %(theme_id)s, entity_key, %(version)s, input_hash,
           CASE WHEN attempts >= %(max_attempts)s THEN %(settled)s ELSE 'failed' END, attempts, reason, raw, call_id,
           CASE WHEN attempts >= %(max_attempts)s THEN %(wave_id)s::text END, %(run_id)s
    FROM given
    ON CONFLICT (theme_id, entity_key, rubric_version, input_hash) DO UPDATE
    SET state = CASE WHEN v.attempts + excluded.attempts >= %(max_attempts)s THEN %(settled)s ELSE 'failed' END,
        attempts = v.attempts + excluded.attempts,
        reason = excluded.reason,
        raw = excluded.raw,
        call_id = excluded.call_id,
        wave_id = CASE WHEN v.attempts + excluded.attempts >= %(max_attempts)s THEN %(wave_id)s::text END,
        run_id = excluded.run_id
    WHERE v.state = 'failed'
    RETURNING entity_key, input_hash, state, attempts, reason
), audited AS (
    INSERT INTO waves.audit_log (run_id, theme_id, actor, entity_id, before_json, after_json, reason)
    SELECT %(run_id)s, %(theme_id)s, 'waves', a.entity_key,
           jsonb_build_object('state', b.state, 'attempts', b.attempts),
           jsonb_build_object('state', a.state, 'attempts', a.attempts, 'rubric_version', %(version)s::text,
                              'input_hash', a.input_hash),
           a.reason
    FROM after a LEFT JOIN before b ON b.entity_key = a.entity_key AND b.input_hash = a.input_hash
    WHERE a.state = %(settled)s
)
SELECT entity_key, input_hash, state, attempts FROM after
UNION ALL
SELECT entity_key, input_hash, state, attempts FROM before WHERE state <> 'failed'

-- release --
INSERT INTO waves.verdict AS v
    (theme_id, entity_key, rubric_version, input_hash, state, attempts, reason, wave_id)
SELECT w.theme_id, i.entity_key, w.rubric_version, i.input_hash, 'failed', 0, %(reason)s, w.wave_id
FROM waves.wave w,
     jsonb_to_recordset(%(items)s) AS i (entity_key text, input_hash text)
WHERE w.wave_id = %(wave_id)s
ON CONFLICT (theme_id, entity_key, rubric_version, input_hash) DO UPDATE
SET wave_id = excluded.wave_id, reason = coalesce(v.reason, excluded.reason)
WHERE v.state IN ('failed', 'accepted')

-- settled --
-- An accepted one is in an open wave only if it was asked again (its target was cleared) and given back.
SELECT v.entity_key, v.input_hash, v.state
FROM waves.verdict v
WHERE v.wave_id = %(wave_id)s AND (v.state <> 'accepted' OR v.reason IS NOT NULL)
