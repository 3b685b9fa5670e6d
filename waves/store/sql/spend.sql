-- report --
-- A row for each name, and one for all, whose name is NULL. A number that a paid answer did not report is unknown, and
-- so is a sum over it.
SELECT CASE WHEN grouping(name) = 0 THEN name END AS name,
       count(*) AS requests,
       count(*) FILTER (WHERE paid) AS paid,
       count(*) FILTER (WHERE fate = 'maybe_paid') AS maybe_paid,
       CASE WHEN bool_and(NOT paid OR input_tokens IS NOT NULL) IS FALSE THEN NULL
            ELSE coalesce(sum(input_tokens), 0)::bigint END AS input_tokens,
       CASE WHEN bool_and(NOT paid OR output_tokens IS NOT NULL) IS FALSE THEN NULL
            ELSE coalesce(sum(output_tokens), 0)::bigint END AS output_tokens,
       CASE WHEN bool_and(NOT paid OR cache_write_tokens IS NOT NULL) IS FALSE THEN NULL
            ELSE coalesce(sum(cache_write_tokens), 0)::bigint END AS cache_write_tokens,
       CASE WHEN bool_and(NOT paid OR cache_write_tokens = 0 OR cache_write_1h_tokens IS NOT NULL) IS NOT TRUE
                 AND count(*) FILTER (WHERE paid) > 0 THEN NULL
            ELSE coalesce(sum(cache_write_1h_tokens), 0)::bigint END AS cache_write_1h_tokens,
       CASE WHEN bool_and(NOT paid OR cache_read_tokens IS NOT NULL) IS FALSE THEN NULL
            ELSE coalesce(sum(cache_read_tokens), 0)::bigint END AS cache_read_tokens,
       CASE WHEN bool_and(NOT paid OR cost_usd IS NOT NULL) IS FALSE THEN NULL
            ELSE coalesce(sum(cost_usd), 0) END AS cost_usd,
       count(*) FILTER (WHERE paid AND cost_usd IS NULL) AS unpriced,
       CASE WHEN bool_and(fate <> 'maybe_paid' OR reserved_usd IS NOT NULL) IS FALSE THEN NULL
            ELSE coalesce(sum(reserved_usd) FILTER (WHERE fate = 'maybe_paid'), 0) END AS maybe_paid_usd,
       coalesce(array_agg(DISTINCT price_table) FILTER (WHERE price_table IS NOT NULL), '{}') AS price_tables
FROM (
    SELECT *, fate = 'paid' AS paid,
           CASE %(by)s::text WHEN 'day' THEN to_char(sent_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
                       WHEN 'theme' THEN theme_id
                       WHEN 'model' THEN model
                       ELSE backend END AS name
    FROM waves.ledger
    WHERE (%(theme_id)s::text IS NULL OR theme_id = %(theme_id)s)
      AND (%(since)s::date IS NULL OR sent_at >= %(since)s::date::timestamp AT TIME ZONE 'UTC')
) AS entries
GROUP BY GROUPING SETS ((name), ())
ORDER BY grouping(name), name

-- per_item --
-- The average cost of an item of closed waves, every repetition included, and the number of these items.
SELECT sum(cost.usd) / nullif(sum(cost.items), 0), coalesce(sum(cost.items), 0)::bigint
FROM (
    SELECT sum(entry.cost_usd) AS usd, min((wave.counts ->> 'emitted')::bigint) AS items
    FROM waves.wave AS wave JOIN waves.ledger AS entry USING (wave_id)
    WHERE wave.theme_id = %(theme_id)s AND wave.rubric_version = %(version)s AND wave.state = 'closed'
    GROUP BY wave_id
    HAVING bool_and(entry.backend = %(backend)s AND entry.model = ANY(%(models)s))
       AND bool_and(entry.fate <> 'paid' OR entry.cost_usd IS NOT NULL)
) AS cost
