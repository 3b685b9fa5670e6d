The gap that a version would open: a sample of the rows, and the number of them that changed since they were judged.

-- of_target --
SELECT {keys} FROM {target} AS t TABLESAMPLE SYSTEM (%(percent)s) REPEATABLE (1) LIMIT %(limit)s

-- of_source --
SELECT {keys} FROM {source} TABLESAMPLE SYSTEM (%(percent)s) REPEATABLE (1) WHERE {in_scope} LIMIT %(limit)s

-- of_view --
SELECT {keys} FROM {source} WHERE {in_scope} AND random() * 100 < %(percent)s LIMIT %(limit)s

-- planned_target --
EXPLAIN (FORMAT JSON) SELECT FROM {target}

-- few --
{rows} LIMIT %(limit)s

-- drifted --
SELECT count(*) FROM judged AS j
 WHERE j.need = 'ask'
   AND EXISTS (SELECT FROM waves.verdict AS o
                WHERE o.theme_id = %(theme)s AND o.entity_key = j.entity_key AND o.rubric_version = %(version)s
                  AND o.state = 'accepted' AND o.input_hash <> j.input_hash)
