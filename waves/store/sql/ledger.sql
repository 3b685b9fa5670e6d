-- settle --
-- xmax is 0 in a row that this statement inserted, and not in one that it updated.
INSERT INTO waves.ledger AS known (
    call_id, theme_id, wave_id, run_id, backend, model, fate, status, items, input_tokens, output_tokens,
    cache_write_tokens, cache_read_tokens, reserved_usd, cost_usd, reason, sent_at, ended_at)
SELECT call_id, %(theme_id)s, %(wave_id)s, run_id, backend, model, fate, status, items, input_tokens, output_tokens,
       cache_write_tokens, cache_read_tokens, reserved_usd, cost_usd, reason, sent_at, ended_at
FROM jsonb_to_recordset(%(entries)s) AS entry (
    call_id text, run_id text, backend text, model text, fate text, status integer, items integer,
    input_tokens bigint, output_tokens bigint, cache_write_tokens bigint, cache_read_tokens bigint,
    reserved_usd double precision, cost_usd double precision, reason text, sent_at timestamptz, ended_at timestamptz)
ON CONFLICT (call_id) DO UPDATE
SET fate = excluded.fate,
    status = excluded.status,
    input_tokens = excluded.input_tokens,
    output_tokens = excluded.output_tokens,
    cache_write_tokens = excluded.cache_write_tokens,
    cache_read_tokens = excluded.cache_read_tokens,
    cost_usd = excluded.cost_usd,
    reason = excluded.reason,
    ended_at = excluded.ended_at
WHERE known.fate <> 'paid'
  AND (excluded.fate = 'paid' OR (known.ended_at IS NULL AND excluded.ended_at IS NOT NULL))
RETURNING call_id, xmax = 0

-- of_run --
SELECT count(*),
       CASE WHEN bool_and(fate = 'unpaid' OR cost_usd IS NOT NULL) IS FALSE THEN NULL
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

-- spend --
SELECT CASE WHEN bool_and(known) FILTER (WHERE today) IS FALSE THEN NULL
            ELSE coalesce(sum(cost_usd) FILTER (WHERE today), 0) END AS today_usd,
       CASE WHEN bool_and(known) IS FALSE THEN NULL ELSE coalesce(sum(cost_usd), 0) END AS total_usd
FROM (
    SELECT cost_usd,
           fate = 'unpaid' OR cost_usd IS NOT NULL AS known,
           sent_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS today
    FROM waves.ledger WHERE theme_id = %(theme_id)s
) AS entries
