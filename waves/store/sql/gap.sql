The rows that need work. `candidate` queries stream keys as text; `judged` finds the need of each; the source never has
an alias, so that the operator's own SQL may name it.

-- judged --
WITH candidate AS (
    SELECT * FROM unnest({arrays}) WITH ORDINALITY AS c ({names}, n)
), current AS MATERIALIZED (                 -- materialised: each hash is computed once
    SELECT c.n, s.*
      FROM candidate AS c
      JOIN (SELECT {source_row} FROM {source} WHERE {in_scope}) AS s ON {same_key}
), judged AS (
    SELECT c.*, {need} AS need,               -- an accepted row with a reason was cleared, then asked in vain
           coalesce(CASE v.state WHEN 'failed' THEN v.attempts > 0 WHEN 'accepted' THEN v.reason IS NOT NULL END, false)
           AS tried, {was_done} AS was_done, coalesce(v.retry_at > now(), false) AS waits{also}
      FROM current AS c
      {target_join}
      LEFT JOIN waves.verdict AS v
        ON v.theme_id = %(theme)s AND v.rubric_version = %(version)s
       AND v.entity_key = c.entity_key AND v.input_hash = c.input_hash
)

-- findings --
SELECT n, CASE WHEN need = 'ask' AND waits THEN 'wait' ELSE need END, tried, was_done, entity_key, input_hash, {inputs} FROM judged ORDER BY n

-- need --
CASE WHEN v.state IS NULL OR v.state = 'failed' THEN 'ask'
     WHEN v.state <> 'accepted' THEN CASE WHEN {stale} THEN 'clear' ELSE 'out' END
     WHEN {shown} THEN 'done'
     WHEN {cleared} THEN 'ask'
     WHEN {withheld} THEN 'withheld'
     ELSE 'restore' END

-- withheld --
-- A verdict of a pilot that was abandoned, for as long as nobody has approved or activated its version since.
(v.applied_at IS NULL AND EXISTS (
    SELECT FROM waves.wave AS w
     WHERE w.wave_id = v.wave_id AND w.kind = 'pilot' AND w.state = 'abandoned'
       AND NOT EXISTS (
           SELECT FROM waves.audit_log AS a
            WHERE a.theme_id = v.theme_id AND a.entity_id = v.rubric_version AND a.created_at > w.closed_at
              AND a.after_json ?| ARRAY['active_version', 'approved_rows'])))

-- last_applied --
(v.applied_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM waves.verdict AS o
     WHERE o.theme_id = v.theme_id AND o.entity_key = v.entity_key AND o.applied_at > v.applied_at))

-- last_applied_of_version --
(v.applied_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM waves.verdict AS o
     WHERE o.theme_id = v.theme_id AND o.entity_key = v.entity_key AND o.rubric_version = v.rubric_version
       AND o.applied_at > v.applied_at))

-- shows_another --
-- Whether the target shows a verdict about another content than the one that `v` is about.
({held} AND NOT {last} AND EXISTS (
    SELECT FROM waves.verdict AS o
     WHERE o.theme_id = v.theme_id AND o.entity_key = v.entity_key AND o.applied_at IS NOT NULL))

-- cleared --
({key} IS NOT NULL AND {version} IS NULL AND {still_there})

-- was_done --
-- Whether a verdict about another content was applied, unless the user asked for a new one by clearing the row.
(v.state IS DISTINCT FROM 'accepted' AND NOT {cleared} AND EXISTS (
    SELECT FROM waves.verdict AS o
     WHERE o.theme_id = %(theme)s AND o.rubric_version = %(version)s AND o.entity_key = c.entity_key
       AND o.input_hash <> c.input_hash AND o.state = 'accepted' AND o.applied_at IS NOT NULL))

-- from_target --
SELECT {keys} FROM {target} AS t WHERE {branch}

-- from_source --
SELECT {keys} FROM {source} WHERE {in_scope} AND {branch}

-- target_in_branch --
EXISTS (SELECT FROM {target} AS t WHERE {same_key} AND {branch})

-- without_version --
NOT EXISTS (SELECT FROM {target} AS t WHERE {same_key} AND {version} = %(version)s)

-- not_in_columns --
-- Rows that show the version, but whose verdict was written before the target's columns changed.
{shown} AND NOT EXISTS (
    SELECT FROM waves.verdict AS v
     WHERE v.theme_id = %(theme)s AND v.rubric_version = %(version)s AND v.entity_key = {entity_key}
       AND v.applied_at >= {changed_at})

-- unsettled --
NOT EXISTS (
    SELECT FROM waves.verdict AS v
     WHERE v.theme_id = %(theme)s AND v.rubric_version = %(version)s AND v.entity_key = {entity_key}
       AND (v.state IN ('refused', 'quarantined') OR v.state = 'accepted' AND {shown}))

-- without_row --
NOT EXISTS (SELECT FROM {target} AS t WHERE {same_key})

-- drift --
SELECT {position} FROM {source} WHERE {in_scope} AND {after} ORDER BY {order} LIMIT %(limit)s

-- read_cursor --
SELECT drift_cursor FROM waves.theme WHERE theme_id = %(theme)s

-- move_cursor --
UPDATE waves.theme SET drift_cursor = %(cursor)s::jsonb WHERE theme_id = %(theme)s

-- late_commits --
SELECT (now() - interval '1 hour')::{type}::text, %(at)s::text::{type} < (now() - interval '1 hour')::{type}
