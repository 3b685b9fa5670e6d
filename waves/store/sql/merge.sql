Entries (verdicts with the content that they judged) → the target. `e` is an entry, `r` its row if that still has the
content, `t` the target.

-- create_tables --
CREATE TEMPORARY TABLE wave_entry (
    n          integer PRIMARY KEY,
    entity_key text NOT NULL,
    input_hash text NOT NULL,
    output     jsonb,
    confidence double precision,
    model      text,
    call_id    text,
    run_id     text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE wave_row (n integer PRIMARY KEY, {key_columns}, before_json jsonb) ON COMMIT DROP;
CREATE TEMPORARY TABLE wave_applied (n integer NOT NULL) ON COMMIT DROP

-- lock_theme --
SELECT active_version FROM waves.theme WHERE theme_id = %(theme)s FOR SHARE

-- lock_target --
SELECT count(*) FROM (
    SELECT FROM {target} AS t JOIN {rows} ON {same_key} ORDER BY {order} FOR NO KEY UPDATE OF t
) AS locked

-- candidates --
unnest({arrays}) AS c ({names})

-- entries --
pg_temp.wave_entry AS e

-- from_verdict --
, {before} AS before_json, v.output, v.confidence, v.model, v.call_id, v.run_id

-- fill_from_verdicts --
, entry AS (
    INSERT INTO pg_temp.wave_entry (n, entity_key, input_hash, output, confidence, model, call_id, run_id)
    SELECT %(first)s + n, entity_key, input_hash, output, confidence, model, call_id, run_id
      FROM judged WHERE need = 'restore'
)
INSERT INTO pg_temp.wave_row (n, {keys}, before_json)
SELECT %(first)s + n, {keys}, before_json FROM judged WHERE need = 'restore'

-- match --
INSERT INTO pg_temp.wave_row (n, {keys}, before_json)
SELECT r.n, {row_keys}, {before}
  FROM (SELECT e.n, e.input_hash AS judged_hash, s.*
          FROM pg_temp.wave_entry AS e
          JOIN (SELECT {source_row}{also} FROM {source} WHERE {in_scope}) AS s ON {same_key}
         WHERE e.n BETWEEN %(low)s AND %(high)s
        OFFSET 0) AS r                       -- hashes are computed for these rows only, not to find them
  {target_join}
 WHERE r.input_hash = r.judged_hash

-- analyze_entries --
ANALYZE pg_temp.wave_entry

-- analyze_rows --
ANALYZE pg_temp.wave_row

-- count_rows --
SELECT count(*), min(n), max(n) FROM pg_temp.wave_row

-- update_target --
WITH changed AS (
    UPDATE {target} AS t SET {assignments}
      FROM pg_temp.wave_row AS r JOIN pg_temp.wave_entry AS e ON e.n = r.n
     WHERE {same_key} AND e.output IS NOT NULL AND r.before_json IS NOT NULL AND r.n BETWEEN %(low)s AND %(high)s
 RETURNING r.n, e.entity_key, r.before_json, {after} AS after_json, {kept} AS kept
)

-- insert_target --
-- Rows that the target does not have. A row that another session inserts at the same time is left to `overtaken`.
WITH written AS (
    INSERT INTO {target} AS t ({keys}, {columns})
    SELECT {row_keys}, {values}
      FROM pg_temp.wave_row AS r JOIN pg_temp.wave_entry AS e ON e.n = r.n
     WHERE e.output IS NOT NULL AND r.before_json IS NULL AND r.n BETWEEN %(low)s AND %(high)s
     ORDER BY {row_keys}
    ON CONFLICT ({keys}) DO NOTHING
 RETURNING {written_keys}, {after} AS after_json, {kept} AS kept
), changed AS (
    SELECT r.n, e.entity_key, r.before_json, t.after_json, t.kept
      FROM written AS t
      JOIN pg_temp.wave_row AS r ON {same_key}
      JOIN pg_temp.wave_entry AS e ON e.n = r.n
)

-- audit_changed --
, audited AS (
    INSERT INTO waves.audit_log (run_id, theme_id, actor, entity_id, before_json, after_json, reason)
    SELECT %(run)s, %(theme)s, 'waves', entity_key, before_json, after_json, %(reason)s
      FROM changed WHERE before_json IS DISTINCT FROM after_json
)
INSERT INTO pg_temp.wave_applied SELECT n FROM changed WHERE kept

-- overtaken --
-- Rows that the target has now but did not have before: from another session, or from a trigger that routes rows.
WITH there AS (
    SELECT r.n, {before} AS before_json FROM pg_temp.wave_row AS r JOIN {target} AS t ON {same_key}
     WHERE r.before_json IS NULL AND NOT EXISTS (SELECT FROM pg_temp.wave_applied AS a WHERE a.n = r.n)
     ORDER BY {order} FOR NO KEY UPDATE OF t
)
UPDATE pg_temp.wave_row AS r SET before_json = there.before_json FROM there WHERE there.n = r.n RETURNING r.n

-- moved --
-- Of some written rows: their number, and the number of those whose input the write has changed.
SELECT count(*), count(*) FILTER (WHERE s.input_hash <> e.input_hash)
  FROM (SELECT n FROM pg_temp.wave_applied LIMIT %(some)s) AS a
  JOIN pg_temp.wave_row AS r ON r.n = a.n
  JOIN pg_temp.wave_entry AS e ON e.n = a.n
  JOIN (SELECT {source_row} FROM {source} WHERE {in_scope}) AS s ON {same_key}

-- suppressed --
SELECT r.n FROM pg_temp.wave_row AS r WHERE NOT EXISTS (SELECT FROM pg_temp.wave_applied AS a WHERE a.n = r.n)

-- audit_refused --
INSERT INTO waves.audit_log (run_id, theme_id, actor, entity_id, after_json, reason)
SELECT %(run)s, %(theme)s, 'waves', e.entity_key, '{{"state": "quarantined"}}', x.reason
  FROM unnest(%(refused)s::integer[], %(reasons)s::text[]) AS x (n, reason)
  JOIN pg_temp.wave_entry AS e ON e.n = x.n
RETURNING entity_id

-- mark_restored --
WITH marked AS MATERIALIZED (                -- materialised: joined to the verdicts last, or the time is quadratic
    SELECT e.entity_key, e.input_hash, x.n IS NOT NULL AS refused, x.reason
      FROM pg_temp.wave_entry AS e
      LEFT JOIN pg_temp.wave_applied AS a ON a.n = e.n
      LEFT JOIN unnest(%(refused)s::integer[], %(reasons)s::text[]) AS x (n, reason) ON x.n = e.n
     WHERE a.n IS NOT NULL OR x.n IS NOT NULL
)
UPDATE waves.verdict AS v
   SET state = CASE WHEN m.refused THEN 'quarantined' ELSE v.state END,
       reason = coalesce(m.reason, v.reason),
       applied_at = CASE WHEN m.refused THEN v.applied_at ELSE {applied_at} END
  FROM marked AS m
 WHERE v.theme_id = %(theme)s AND v.rubric_version = %(version)s
   AND v.entity_key = m.entity_key AND v.input_hash = m.input_hash

-- applied_at --
(SELECT greatest(now(), max((SELECT max(o.applied_at) FROM waves.verdict AS o      -- row by row: never the whole history
                              WHERE o.theme_id = %(theme)s AND o.entity_key = w.entity_key)) + interval '1 microsecond')
   FROM pg_temp.wave_entry AS w)
