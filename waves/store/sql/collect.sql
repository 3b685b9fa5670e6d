One converged wave → history and target, in one transaction.

-- close_wave --
UPDATE waves.wave SET state = 'closed', closed_at = now(), reason = NULL
 WHERE wave_id = %(wave)s AND theme_id = %(theme)s AND state IN ('open', 'submitted', 'held')

-- find_wave --
SELECT state FROM waves.wave WHERE wave_id = %(wave)s AND theme_id = %(theme)s

-- copy_entries --
COPY pg_temp.wave_entry (n, entity_key, input_hash, output, confidence, model, call_id, run_id) FROM STDIN

-- upsert_verdicts --
WITH upserted AS (
INSERT INTO waves.verdict AS v (theme_id, entity_key, rubric_version, input_hash, state, output, confidence, model,
                                call_id, reason, wave_id, run_id, applied_at)
SELECT %(theme)s, e.entity_key, %(version)s, e.input_hash, CASE WHEN x.n IS NULL THEN 'accepted' ELSE 'quarantined' END,
       e.output, e.confidence, e.model, e.call_id, x.reason, %(wave)s, e.run_id,
       CASE WHEN a.n IS NOT NULL THEN {applied_at} END
  FROM pg_temp.wave_entry AS e
  LEFT JOIN pg_temp.wave_applied AS a ON a.n = e.n
  LEFT JOIN unnest(%(refused)s::integer[], %(reasons)s::text[]) AS x (n, reason) ON x.n = e.n
    ON CONFLICT (theme_id, entity_key, rubric_version, input_hash) DO UPDATE
   SET state = excluded.state, output = excluded.output, confidence = excluded.confidence, model = excluded.model,
       call_id = excluded.call_id, reason = excluded.reason, raw = NULL, wave_id = excluded.wave_id,
       run_id = excluded.run_id, applied_at = excluded.applied_at, created_at = excluded.created_at, retry_at = NULL
RETURNING v.entity_key, v.input_hash
)
SELECT count(*) FROM pg_temp.wave_entry JOIN upserted USING (entity_key, input_hash)

-- audit_history --
-- Verdicts that enter history but not the target. Those that the target refused have an entry of their own.
INSERT INTO waves.audit_log (run_id, theme_id, actor, entity_id, after_json, reason)
SELECT %(run)s, %(theme)s, 'waves', e.entity_key,
       jsonb_build_object('state', 'accepted', 'output', e.output, 'rubric_version', %(version)s::text,
                          'input_hash', e.input_hash),
       CASE WHEN r.n IS NULL THEN %(orphaned)s ELSE %(kept)s END
  FROM pg_temp.wave_entry AS e
  LEFT JOIN pg_temp.wave_row AS r ON r.n = e.n
 WHERE NOT EXISTS (SELECT FROM pg_temp.wave_applied AS a WHERE a.n = e.n) AND e.n <> ALL (%(refused)s::integer[])

-- orphans --
SELECT e.entity_key FROM pg_temp.wave_entry AS e
 WHERE NOT EXISTS (SELECT FROM pg_temp.wave_row AS r WHERE r.n = e.n) ORDER BY e.n LIMIT %(limit)s

-- vanished --
SELECT count(*) FROM pg_temp.wave_entry AS e
 WHERE NOT EXISTS (SELECT FROM pg_temp.wave_row AS r WHERE r.n = e.n)
   AND NOT EXISTS (SELECT FROM (SELECT {source_row} FROM {source} WHERE {in_scope}) AS s WHERE {same_key})

-- audit_orphans --
INSERT INTO waves.audit_log (run_id, theme_id, actor, entity_id, reason)
VALUES (%(run)s, %(theme)s, %(by)s, %(wave)s, %(reason)s)

-- record_counts --
UPDATE waves.wave SET counts = %(counts)s::jsonb WHERE wave_id = %(wave)s

-- remember_verdicts --
WITH remembered AS (
INSERT INTO waves.verdict AS v (theme_id, entity_key, rubric_version, input_hash, state, output, confidence, model,
                                call_id, wave_id, run_id)
SELECT %(theme)s, entity_key, %(version)s, input_hash, 'accepted', output, confidence, model, call_id, %(wave)s, run_id
  FROM pg_temp.wave_entry WHERE output IS NOT NULL
    ON CONFLICT (theme_id, entity_key, rubric_version, input_hash) DO UPDATE
   SET state = excluded.state, output = excluded.output, confidence = excluded.confidence, model = excluded.model,
       call_id = excluded.call_id, reason = NULL, raw = NULL, wave_id = excluded.wave_id, run_id = excluded.run_id,
       retry_at = NULL
 WHERE v.state <> 'accepted'
RETURNING v.entity_key, v.input_hash, v.output
), audited AS (
INSERT INTO waves.audit_log (run_id, theme_id, actor, entity_id, after_json, reason)
SELECT %(run)s, %(theme)s, 'waves', entity_key,
       jsonb_build_object('state', 'accepted', 'output', output, 'rubric_version', %(version)s::text,
                          'input_hash', input_hash),
       'remembered ' || %(wave)s || ', which was not collected'
  FROM remembered
)
SELECT count(*) FROM remembered
