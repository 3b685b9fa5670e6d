What is known about rubric versions apart from the registry: verdicts, evaluations, comparisons, decisions.

-- evaluations --
SELECT DISTINCT ON (rubric_version) rubric_version AS version, macro_f1, backend, model, batch_size, items, usual
FROM waves.evaluation CROSS JOIN LATERAL (SELECT whole AND backend = ANY (%(backends)s) AND model = %(model)s
                                                 AND batch_size = %(batch_size)s AS usual) AS measured
WHERE theme_id = %(theme_id)s ORDER BY rubric_version, usual DESC, evaluation_id DESC

-- comparison --
SELECT old_version, compared, flips FROM waves.comparison
WHERE theme_id = %(theme_id)s AND new_version = %(version)s AND old_version = %(old)s AND whole
ORDER BY comparison_id DESC LIMIT 1

-- decisions --
SELECT created_at, actor, before_json AS before, after_json AS after, reason FROM waves.audit_log
WHERE theme_id = %(theme_id)s AND entity_id = %(version)s AND after_json ?| '{active_version,approved_rows}' ORDER BY id

-- all_verdicts --
EXPLAIN (FORMAT JSON) SELECT FROM waves.verdict

-- planned --
-- A version implies its theme, but the planner takes the two for independent, and would estimate far too few rows.
EXPLAIN (FORMAT JSON) SELECT FROM waves.verdict WHERE rubric_version = %(version)s

-- counted --
SELECT rubric_version, count(*) FROM waves.verdict WHERE theme_id = %(theme_id)s GROUP BY rubric_version
