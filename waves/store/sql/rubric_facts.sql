What is known about rubric versions beside the registry: verdicts, evaluations, comparisons, decisions.

-- evaluations --
SELECT DISTINCT ON (rubric_version) rubric_version AS version, macro_f1, created_at
FROM waves.evaluation WHERE theme_id = %(theme_id)s ORDER BY rubric_version, created_at DESC, evaluation_id DESC

-- comparison --
SELECT old_version, compared, flips FROM waves.comparison
WHERE theme_id = %(theme_id)s AND new_version = %(version)s AND old_version = %(old)s
ORDER BY created_at DESC, comparison_id DESC LIMIT 1

-- decisions --
SELECT created_at, actor, before_json AS before, after_json AS after, reason FROM waves.audit_log
WHERE theme_id = %(theme_id)s AND entity_id = %(version)s AND after_json ?| '{active_version,approved_rows}' ORDER BY id

-- all_verdicts --
EXPLAIN (FORMAT JSON) SELECT FROM waves.verdict

-- planned --
-- A version names its theme: to the planner the two are independent, and it would take them for far fewer.
EXPLAIN (FORMAT JSON) SELECT FROM waves.verdict WHERE rubric_version = %(version)s

-- counted --
SELECT rubric_version, count(*) FROM waves.verdict WHERE theme_id = %(theme_id)s GROUP BY rubric_version
