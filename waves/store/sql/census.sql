The progress of a theme. `exact` assesses every row as the gap does; the others count through indexes or take the
planner's estimate.

-- exact --
SELECT count(*) FILTER (WHERE need = 'done'), count(*) FILTER (WHERE need = 'ask'),
       count(*) FILTER (WHERE need IN ('restore', 'withheld')), count(*) FILTER (WHERE need IN ('out', 'clear'))
  FROM (SELECT {need} AS need
          FROM (SELECT {source_row} FROM {source} WHERE {in_scope}) AS c
          {target_join}
          LEFT JOIN waves.verdict AS v
            ON v.theme_id = %(theme)s AND v.rubric_version = %(version)s
           AND v.entity_key = c.entity_key AND v.input_hash = c.input_hash) AS judged

-- in_scope --
SELECT count(*) FROM {source} WHERE {in_scope}

-- scope --
EXPLAIN (FORMAT JSON) SELECT FROM {source} WHERE {in_scope}

-- planned --
EXPLAIN (FORMAT JSON) {rows}

-- counted --
SELECT count(*) FROM ({rows} LIMIT %(limit)s) AS counted

-- given_up --
SELECT count(DISTINCT entity_key) FROM waves.verdict
 WHERE theme_id = %(theme)s AND rubric_version = %(version)s AND state IN ('refused', 'quarantined')

-- accepted --
SELECT count(*) FROM waves.verdict
 WHERE theme_id = %(theme)s AND rubric_version = %(version)s AND state = 'accepted'

-- of_version --
SELECT count(*) FROM {target} AS t WHERE {version} = %(version)s
