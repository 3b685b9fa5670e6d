-- existing --
SELECT relname FROM pg_catalog.pg_class
WHERE relnamespace = 'waves'::regnamespace AND relkind = 'v' AND relname = ANY (%(views)s)

-- lock --
-- One process at a time creates views: of two CREATE VIEW at the same time one would fail.
SELECT pg_advisory_xact_lock(hashtextextended('waves.views', 0))

-- create_runs --
CREATE VIEW {view} AS
SELECT run_id, wave_id, started_at, finished_at, dry_run, trigger, host, state,
       items_considered AS candidates, items_processed AS classified, items_skipped AS skipped, items_errored AS errors,
       rubric_version AS prompt_version, rubric_version, llm_calls, llm_cost_usd, duration_ms, gap_before, gap_after,
       error_summary
FROM waves.runs WHERE theme_id = {theme}

-- create_audit_log --
CREATE VIEW {view} AS
SELECT id, run_id, actor, entity_id, before_json, after_json, reason, created_at
FROM waves.audit_log WHERE theme_id = {theme}

-- create_outcome_feedback --
CREATE VIEW {view} AS
SELECT id, output_row_id, outcome_metric, outcome_value, observed_at, theme_id
FROM waves.outcome_feedback WHERE theme_id = {theme}
WITH CASCADED CHECK OPTION

-- fill_in_theme --
ALTER VIEW {view} ALTER COLUMN theme_id SET DEFAULT {theme}
