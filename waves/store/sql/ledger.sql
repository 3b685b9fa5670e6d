-- settle --
-- xmax is 0 in a row that this statement inserted, and not 0 in a row that it updated; the subquery reads the table as
-- it was before. The run that recorded the end of a request is the one that spent.
INSERT INTO waves.ledger AS known (
    call_id, theme_id, wave_id, run_id, backend, model, fate, status, items, input_tokens, output_tokens,
    cache_write_tokens, cache_write_1h_tokens, cache_read_tokens, batch, reserved_usd, cost_usd, price_table, reason,
    sent_at, ended_at)
SELECT call_id, %(theme_id)s, %(wave_id)s, run_id, backend, model, fate, status, items, input_tokens, output_tokens,
       cache_write_tokens, cache_write_1h_tokens, cache_read_tokens, batch, reserved_usd, cost_usd, price_table, reason,
       sent_at, ended_at
FROM jsonb_to_recordset(%(entries)s) AS entry (
    call_id text, run_id text, backend text, model text, fate text, status integer, items integer,
    input_tokens bigint, output_tokens bigint, cache_write_tokens bigint, cache_write_1h_tokens bigint,
    cache_read_tokens bigint, batch boolean, reserved_usd double precision, cost_usd double precision, price_table text,
    reason text, sent_at timestamptz, ended_at timestamptz)
ON CONFLICT (call_id) DO UPDATE
SET run_id = excluded.run_id,
    fate = excluded.fate,
    status = excluded.status,
    input_tokens = excluded.input_tokens,
    output_tokens = excluded.output_tokens,
    cache_write_tokens = excluded.cache_write_tokens,
    cache_write_1h_tokens = excluded.cache_write_1h_tokens,
    cache_read_tokens = excluded.cache_read_tokens,
    cost_usd = excluded.cost_usd,
    price_table = excluded.price_table,
    reason = excluded.reason,
    ended_at = excluded.ended_at
WHERE known.fate <> 'paid'
  AND (excluded.fate = 'paid' OR (known.ended_at IS NULL AND excluded.ended_at IS NOT NULL))
RETURNING call_id, xmax = 0 OR EXISTS (
    SELECT FROM waves.ledger AS before WHERE before.call_id = known.call_id AND before.ended_at IS NULL)

-- of_run --
SELECT count(*),
       CASE WHEN bool_and(fate <> 'paid' OR cost_usd IS NOT NULL) IS FALSE THEN NULL
            ELSE coalesce(sum(cost_usd), 0) END,
       CASE WHEN bool_and(fate <> 'paid' OR input_tokens IS NOT NULL) IS FALSE THEN NULL
            ELSE coalesce(sum(input_tokens), 0)::bigint END,
       CASE WHEN bool_and(fate <> 'paid' OR output_tokens IS NOT NULL) IS FALSE THEN NULL
            ELSE coalesce(sum(output_tokens), 0)::bigint END,
       CASE WHEN bool_and(fate <> 'paid' OR cache_write_tokens IS NOT NULL) IS FALSE THEN NULL
            ELSE coalesce(sum(cache_write_tokens), 0)::bigint END,
       CASE WHEN bool_and(fate <> 'paid' OR cache_read_tokens IS NOT NULL) IS FALSE THEN NULL
            ELSE coalesce(sum(cache_read_tokens), 0)::bigint END
FROM waves.ledger WHERE run_id = %(run_id)s

-- of_wave --
SELECT CASE WHEN bool_and(fate <> 'paid' OR cost_usd IS NOT NULL) IS FALSE THEN NULL
            ELSE coalesce(sum(cost_usd), 0) END
FROM waves.ledger WHERE wave_id = %(wave_id)s

-- unknown_models --
SELECT DISTINCT model FROM waves.ledger WHERE run_id = %(run_id)s AND fate = 'paid' AND cost_usd IS NULL ORDER BY model

-- unpriced --
SELECT DISTINCT backend, model FROM waves.ledger
WHERE theme_id = %(theme_id)s AND fate = 'paid' AND cost_usd IS NULL AND input_tokens + output_tokens IS NOT NULL
ORDER BY backend, model

-- unpriced_answers --
SELECT call_id, sent_at, input_tokens, output_tokens, cache_write_tokens, cache_read_tokens, cache_write_1h_tokens
FROM waves.ledger
WHERE theme_id = %(theme_id)s AND fate = 'paid' AND cost_usd IS NULL AND input_tokens + output_tokens IS NOT NULL
  AND backend = %(backend)s AND model = %(model)s

-- price --
UPDATE waves.ledger
SET cost_usd = entry.cost_usd, price_table = entry.price_table
FROM jsonb_to_recordset(%(costs)s) AS entry (call_id text, cost_usd double precision, price_table text)
WHERE ledger.call_id = entry.call_id AND ledger.cost_usd IS NULL

-- spend --
SELECT CASE WHEN bool_and(known) FILTER (WHERE today) IS FALSE THEN NULL
            ELSE coalesce(sum(cost_usd) FILTER (WHERE today), 0) END AS today_usd,
       CASE WHEN bool_and(known) IS FALSE THEN NULL ELSE coalesce(sum(cost_usd), 0) END AS total_usd,
       array(SELECT DISTINCT model FROM waves.ledger
             WHERE theme_id = %(theme_id)s AND fate = 'paid' AND cost_usd IS NULL ORDER BY model) AS unknown_models,
       CASE WHEN bool_and(fate <> 'maybe_paid' OR reserved_usd IS NOT NULL) IS FALSE THEN NULL
            ELSE coalesce(sum(reserved_usd) FILTER (WHERE fate = 'maybe_paid'), 0) END AS maybe_paid_usd
FROM (
    SELECT cost_usd, reserved_usd, fate,
           fate <> 'paid' OR cost_usd IS NOT NULL AS known,
           sent_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS today
    FROM waves.ledger WHERE theme_id = %(theme_id)s
) AS entries

-- spent --
-- What counts against a cap: a request that may have been paid counts at its reserve, and so does an answer without a
-- known price. `others`: of all runs but this one; else of this run only.
SELECT coalesce(sum(CASE WHEN fate = 'paid' THEN coalesce(cost_usd, reserved_usd)
                         WHEN fate = 'maybe_paid' THEN reserved_usd END), 0)
FROM waves.ledger
WHERE (run_id <> %(run_id)s) = %(others)s
  AND (%(theme_id)s::text IS NULL OR theme_id = %(theme_id)s)
  AND (%(backend)s::text IS NULL OR backend = %(backend)s)
  AND (%(wave_id)s::text IS NULL OR wave_id = %(wave_id)s)
  AND (%(period)s::text IS NULL OR sent_at >= date_trunc(%(period)s, now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')

-- claimed --
-- What other fires have claimed and not booked yet. A fire that died keeps its claim until its row is closed, at most
-- for a day into the next period; a fire that runs for days renews it with each draw.
SELECT coalesce(sum(greatest(0, run.reserved_usd - booked.usd)), 0)
FROM waves.runs AS run, LATERAL (
    SELECT coalesce(sum(CASE WHEN fate = 'paid' THEN coalesce(cost_usd, reserved_usd)
                             WHEN fate = 'maybe_paid' THEN reserved_usd END), 0) AS usd
    FROM waves.ledger WHERE run_id = run.run_id AND backend = run.backend
) AS booked
WHERE run.state = 'running' AND run.run_id <> %(run_id)s
  AND (%(theme_id)s::text IS NULL OR run.theme_id = %(theme_id)s)
  AND (%(backend)s::text IS NULL OR run.backend = %(backend)s)
  AND coalesce(run.reserved_at, run.started_at) >= date_trunc(%(period)s, now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '1 day'

-- lock --
-- One fire at a time reads the remaining budget and claims from it.
SELECT pg_advisory_xact_lock(hashtext('waves.ledger.budget'))

-- claim --
UPDATE waves.runs SET backend = %(backend)s, reserved_usd = %(usd)s, reserved_at = now() WHERE run_id = %(run_id)s
