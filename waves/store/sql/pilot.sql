A bounded, repeatable sample of the rows that a version has not judged, and what is known about rows by their keys. `e`
is a row of `wanted`, `t` the target, `o` the prior verdict.

-- pool --
SELECT {names} FROM (
    SELECT {keys}, md5(%(seed)s::text || {entity_key}) AS waves_place FROM {rows} WHERE {in_scope} {bound}
) AS pool ORDER BY waves_place, {names} LIMIT %(most)s

-- some_blocks --
{relation} TABLESAMPLE SYSTEM (%(percent)s) REPEATABLE (%(number)s)

-- first_rows --
LIMIT %(most)s

-- planned --
EXPLAIN (FORMAT JSON) SELECT FROM {relation} WHERE {in_scope}

-- unjudged --
{judged} SELECT n, entity_key FROM judged WHERE need = 'ask' ORDER BY n

-- old --
-- The verdict last written to the target; else the newest verdict; and the target's own values.
SELECT e.entity_key, o.output::text, o.rubric_version, ({held})::text
  FROM unnest(%(wanted)s::text[]) AS e (entity_key)
  {target_join}
  LEFT JOIN LATERAL (
      SELECT v.output, v.rubric_version FROM waves.verdict AS v
       WHERE v.theme_id = %(theme)s AND v.entity_key = e.entity_key AND v.state = 'accepted'
       ORDER BY v.applied_at DESC NULLS LAST, v.created_at DESC LIMIT 1) AS o ON true

-- inputs --
SELECT s.entity_key, s.input_hash, {inputs}
  FROM unnest(%(wanted)s::text[]) AS e (entity_key)
  JOIN (SELECT {source_row} FROM {source} WHERE {in_scope}) AS s ON {same_key}
