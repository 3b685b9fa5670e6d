What the schema `waves` holds of one row, and its erasure. The user's own tables are not touched.

-- waves --
SELECT DISTINCT wave_id FROM waves.verdict
 WHERE theme_id = %(theme_id)s AND entity_key = %(key)s AND wave_id IS NOT NULL

-- verdicts --
WITH gone AS (
    DELETE FROM waves.verdict WHERE theme_id = %(theme_id)s AND entity_key = %(key)s RETURNING wave_id, call_id
)
SELECT count(*), coalesce(array_agg(DISTINCT wave_id) FILTER (WHERE wave_id IS NOT NULL), '{}'),
       coalesce(array_agg(DISTINCT call_id) FILTER (WHERE call_id IS NOT NULL), '{}') FROM gone

-- answers --
-- The text of an answer is stored with each row that failed by it, and covers all rows of its request.
UPDATE waves.verdict SET raw = NULL
WHERE theme_id = %(theme_id)s AND raw IS NOT NULL AND call_id = ANY (%(calls)s)

-- audit_entries --
DELETE FROM waves.audit_log WHERE theme_id = %(theme_id)s AND entity_id = %(key)s

-- feedback --
DELETE FROM waves.outcome_feedback WHERE theme_id = %(theme_id)s AND output_row_id = %(key)s

-- wave_reasons --
-- The reason why a wave was held may name rows.
UPDATE waves.wave SET reason = %(blank)s
WHERE theme_id = %(theme_id)s AND wave_id = ANY (%(waves)s) AND reason ~ %(named)s

-- run_reasons --
UPDATE waves.runs SET error_summary = %(blank)s
WHERE theme_id = %(theme_id)s AND wave_id = ANY (%(waves)s) AND error_summary ~ %(named)s

-- audit_reasons --
UPDATE waves.audit_log SET reason = %(blank)s
WHERE theme_id = %(theme_id)s AND entity_id = ANY (%(waves)s) AND reason ~ %(named)s

-- drift_cursor --
-- The search for edited rows starts again if its cursor was at this row.
UPDATE waves.theme SET drift_cursor = NULL WHERE theme_id = %(theme_id)s AND drift_cursor->'at' ?| %(parts)s::text[]

-- reports --
SELECT 'evaluation', evaluation_id, report FROM waves.evaluation WHERE theme_id = %(theme_id)s
UNION ALL SELECT 'comparison', comparison_id, report FROM waves.comparison WHERE theme_id = %(theme_id)s
UNION ALL SELECT 'proposal', proposal_id, evidence FROM waves.theme_rubric_proposal
WHERE theme_id = %(theme_id)s AND evidence IS NOT NULL

-- rewrite_evaluation --
UPDATE waves.evaluation SET report = %(left)s WHERE evaluation_id = %(id)s

-- rewrite_comparison --
UPDATE waves.comparison SET report = %(left)s WHERE comparison_id = %(id)s

-- rewrite_proposal --
UPDATE waves.theme_rubric_proposal SET evidence = %(left)s WHERE proposal_id = %(id)s

-- recorded --
SELECT FROM waves.audit_log WHERE theme_id = %(theme_id)s AND entity_id = %(forgotten)s LIMIT 1

-- other_hosts --
SELECT DISTINCT host FROM waves.wave WHERE theme_id = %(theme_id)s AND host <> %(host)s ORDER BY host
