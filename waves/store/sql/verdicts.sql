-- enter --
-- %(settled)s is the state of an item whose attempts reach %(max_attempts)s. A run charges an item once, however often it
-- reports it. An accepted row takes attempts only in the open wave that asked it again, because its target was cleared;
-- there its first attempt is the one without a reason.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(failures)s)
        AS f (entity_key text, input_hash text, reason text, raw text, call_id text, attempts integer)
), opened AS (
    SELECT opened_at FROM waves.wave WHERE wave_id = %(wave_id)s AND state IN ('open', 'submitted')
), before AS (
    SELECT v.entity_key, v.input_hash, v.state, v.attempts
    FROM waves.verdict v JOIN given g ON g.entity_key = v.entity_key AND g.input_hash = v.input_hash
    WHERE v.theme_id = %(theme_id)s AND v.rubric_version = %(version)s
), after AS (
    INSERT INTO waves.verdict AS v
        (theme_id, entity_key, rubric_version, input_hash, state, attempts, reason, raw, call_id, wave_id, run_id, retry_at)
    SELECT %(theme_id)s, entity_key, %(version)s, input_hash,
           CASE WHEN attempts >= %(max_attempts)s THEN %(settled)s ELSE 'failed' END, attempts, reason, raw, call_id,
           CASE WHEN attempts >= %(max_attempts)s THEN %(wave_id)s::text END, %(run_id)s,
           CASE WHEN attempts > 0 AND attempts < %(max_attempts)s THEN now() + interval '1 minute' END
    FROM given
    ON CONFLICT (theme_id, entity_key, rubric_version, input_hash) DO UPDATE
    SET (state, attempts, wave_id, retry_at) = (
            SELECT CASE WHEN done THEN %(settled)s WHEN v.state = 'accepted' THEN v.state ELSE 'failed' END, tried,
                   CASE WHEN done THEN %(wave_id)s::text WHEN v.state = 'accepted' THEN v.wave_id END,
                   CASE WHEN excluded.attempts = 0 THEN v.retry_at
                        WHEN NOT done AND tried > 0    -- a minute, an hour, half a day
                        THEN now() + least(interval '1 minute' * power(60, least(tried, 3) - 1), interval '12 hours') END
            FROM (SELECT tried, tried >= %(max_attempts)s AS done FROM (
                SELECT CASE WHEN v.state = 'accepted' AND v.reason IS NULL THEN 0 ELSE v.attempts END
                       + CASE WHEN v.state = 'failed' AND v.attempts > 0 AND v.run_id = excluded.run_id THEN 0
                              ELSE excluded.attempts END AS tried) AS count) AS now),
        reason = excluded.reason,
        raw = excluded.raw,
        call_id = CASE WHEN v.state = 'accepted' THEN v.call_id ELSE excluded.call_id END,
        run_id = CASE WHEN v.state = 'accepted' THEN v.run_id ELSE excluded.run_id END
    WHERE v.state = 'failed'
       OR v.state = 'accepted' AND v.applied_at < (SELECT opened_at FROM opened)
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
SELECT entity_key, input_hash, state, attempts FROM before
WHERE (entity_key, input_hash) NOT IN (SELECT entity_key, input_hash FROM after)

-- given_up --
SELECT entity_key, input_hash, state, attempts, reason FROM waves.verdict
WHERE theme_id = %(theme_id)s AND rubric_version = %(version)s AND state IN ('failed', 'refused', 'quarantined')
  AND (state <> 'failed' OR attempts > 0)    -- else it is back in the gap already
  AND (%(keys)s::text[] IS NULL OR entity_key = ANY (%(keys)s::text[]))
ORDER BY state, entity_key

-- retry --
-- The attempts start again; reason and raw answer stay until the next one. wave_id stays, because the wave still counts
-- the row as settled.
WITH before AS (
    SELECT v.entity_key, v.input_hash, v.state, v.attempts
    FROM waves.verdict v
    WHERE v.theme_id = %(theme_id)s AND v.rubric_version = %(version)s
      AND v.state IN ('failed', 'refused', 'quarantined') AND (v.state <> 'failed' OR v.attempts > 0)
      AND (%(keys)s::text[] IS NULL OR v.entity_key = ANY (%(keys)s::text[]))
    FOR UPDATE
), after AS (
    UPDATE waves.verdict v SET state = 'failed', attempts = 0, retry_at = NULL
    FROM before b
    WHERE v.theme_id = %(theme_id)s AND v.rubric_version = %(version)s
      AND v.entity_key = b.entity_key AND v.input_hash = b.input_hash
    RETURNING v.entity_key, v.input_hash, v.reason
), audited AS (
    INSERT INTO waves.audit_log (theme_id, actor, entity_id, before_json, after_json, reason)
    SELECT %(theme_id)s, %(by)s, b.entity_key, jsonb_build_object('state', b.state, 'attempts', b.attempts),
           jsonb_build_object('state', 'failed', 'attempts', 0, 'rubric_version', %(version)s::text,
                              'input_hash', b.input_hash),
           %(reason)s
    FROM before b
)
SELECT b.entity_key, b.input_hash, b.state, b.attempts, a.reason
FROM before b JOIN after a ON a.entity_key = b.entity_key AND a.input_hash = b.input_hash
ORDER BY b.state, b.entity_key

-- release --
WITH released AS (
    INSERT INTO waves.verdict AS v
        (theme_id, entity_key, rubric_version, input_hash, state, attempts, reason, wave_id)
    SELECT w.theme_id, i.entity_key, w.rubric_version, i.input_hash, 'failed', 0, %(reason)s, w.wave_id
    FROM waves.wave w,
         jsonb_to_recordset(%(items)s) AS i (entity_key text, input_hash text)
    WHERE w.wave_id = %(wave_id)s
    ON CONFLICT (theme_id, entity_key, rubric_version, input_hash) DO UPDATE
    SET wave_id = excluded.wave_id, reason = coalesce(v.reason, excluded.reason)
    WHERE v.state IN ('failed', 'accepted')
    RETURNING theme_id, entity_key, rubric_version, input_hash, state, attempts, wave_id
)
INSERT INTO waves.audit_log (run_id, theme_id, actor, entity_id, after_json, reason)
SELECT %(run_id)s, theme_id, 'waves', entity_key,
       jsonb_build_object('state', state, 'attempts', attempts, 'released_by', wave_id,
                          'rubric_version', rubric_version, 'input_hash', input_hash),
       %(reason)s
FROM released

-- settled --
-- An accepted row is in an open wave only if it was asked again (its target was cleared) and released.
SELECT v.entity_key, v.input_hash, v.state
FROM waves.verdict v
WHERE v.wave_id = %(wave_id)s AND (v.state <> 'accepted' OR v.reason IS NOT NULL)

-- attempts --
-- An accepted row with a reason failed since its target was cleared.
SELECT v.entity_key, v.input_hash, v.attempts, v.retry_at > now()
FROM waves.verdict v JOIN jsonb_to_recordset(%(items)s) AS i (entity_key text, input_hash text)
  ON i.entity_key = v.entity_key AND i.input_hash = v.input_hash
WHERE v.theme_id = %(theme_id)s AND v.rubric_version = %(version)s AND v.attempts > 0
  AND (v.state = 'failed' OR v.state = 'accepted' AND v.reason IS NOT NULL)

-- given_up_at_once --
-- Items of the wave that were given up the first time they failed.
SELECT count(*) FROM waves.verdict
WHERE wave_id = %(wave_id)s AND (state = 'refused' OR state = 'quarantined' AND attempts <= 1)

-- next_retry --
SELECT min(retry_at) FROM waves.verdict
WHERE theme_id = %(theme_id)s AND rubric_version = %(version)s AND state = 'failed' AND retry_at > now()

-- end_pauses --
UPDATE waves.verdict v SET retry_at = NULL
FROM jsonb_to_recordset(%(items)s) AS i (entity_key text, input_hash text)
WHERE v.theme_id = %(theme_id)s AND v.rubric_version = %(version)s
  AND v.entity_key = i.entity_key AND v.input_hash = i.input_hash AND v.retry_at IS NOT NULL

-- judged_at_least --
SELECT count(*) FROM (
    SELECT FROM waves.verdict
    WHERE theme_id = %(theme_id)s AND rubric_version = %(version)s AND state <> 'failed' LIMIT %(most)s) AS judged

-- give_up --
-- Each item as it failed last. What was not answered yet has no reason to be given up.
WITH given_up AS (
    UPDATE waves.verdict v SET state = 'quarantined', wave_id = w.wave_id, retry_at = NULL
    FROM waves.wave w, jsonb_to_recordset(%(items)s) AS i (entity_key text, input_hash text)
    WHERE w.wave_id = %(wave_id)s AND v.theme_id = w.theme_id AND v.rubric_version = w.rubric_version
      AND v.entity_key = i.entity_key AND v.input_hash = i.input_hash
      AND v.state IN ('failed', 'accepted') AND v.reason IS NOT NULL
    RETURNING v.theme_id, v.entity_key, v.rubric_version, v.input_hash, v.state, v.attempts, v.reason
)
INSERT INTO waves.audit_log (run_id, theme_id, actor, entity_id, after_json, reason)
SELECT %(run_id)s, theme_id, %(by)s, entity_key,
       jsonb_build_object('state', state, 'attempts', attempts, 'rubric_version', rubric_version, 'input_hash', input_hash),
       reason
FROM given_up
