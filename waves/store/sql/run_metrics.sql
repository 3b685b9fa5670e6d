-- start --
INSERT INTO waves.runs (run_id, theme_id, trigger, host, pid, dry_run, gap_before)
VALUES (%(run_id)s, %(theme_id)s, %(trigger)s, %(host)s, %(pid)s, %(dry_run)s, %(gap_before)s)

-- taken --
UPDATE waves.runs SET gap_before = greatest(gap_before, %(found)s), items_restored = items_restored + %(restored)s
WHERE run_id = %(run_id)s

-- completion_due --
WITH last AS (                              -- of a large table an estimate may be left: `left_over`
    (SELECT finished_at AS at, coalesce(gap_after, 0) AS left_over
       FROM waves.runs WHERE theme_id = %(theme_id)s AND on_complete_exit_code = 0
      ORDER BY finished_at DESC LIMIT 1)
    UNION ALL SELECT '-infinity', 0 ORDER BY at DESC LIMIT 1
)
SELECT EXISTS (SELECT FROM waves.runs
                WHERE theme_id = %(theme_id)s AND NOT dry_run AND started_at > last.at
                  AND (gap_before > last.left_over OR items_processed > 0))
    OR EXISTS (SELECT FROM waves.wave
                WHERE theme_id = %(theme_id)s AND closed_at > last.at AND state = 'closed'
                  AND (counts ->> 'entries')::bigint > 0)
  FROM last

-- completed --
UPDATE waves.runs SET on_complete_exit_code = %(exit_code)s WHERE run_id = %(run_id)s

-- finish --
UPDATE waves.runs
SET finished_at = now(),
    duration_ms = greatest(0, (extract(epoch FROM now() - started_at) * 1000)::bigint),
    state = %(state)s,
    wave_id = coalesce(%(wave_id)s, wave_id),
    items_considered = coalesce(%(items_considered)s, items_considered),
    items_processed = coalesce(%(items_processed)s, items_processed),
    items_skipped = coalesce(%(items_skipped)s, items_skipped),
    items_errored = coalesce(%(items_errored)s, items_errored),
    llm_calls = coalesce(%(llm_calls)s, llm_calls),
    llm_cost_usd = coalesce(%(llm_cost_usd)s, llm_cost_usd),
    rubric_version = coalesce(%(rubric_version)s, rubric_version),
    gap_after = coalesce(%(gap_after)s, gap_after),
    reserved_keys = coalesce(%(reserved_keys)s, reserved_keys),
    reserved_usd = coalesce(%(reserved_usd)s, reserved_usd),
    error_summary = coalesce(%(error_summary)s, error_summary)
WHERE run_id = %(run_id)s

-- running --
SELECT run_id FROM waves.runs WHERE theme_id = %(theme_id)s AND host = %(host)s AND state = 'running'

-- foreseen --
-- One statement: a dry run holds no lock, so a row that is open meanwhile could be taken for that of a dead fire.
-- Nothing if the theme is not registered yet: a dry run registers none.
INSERT INTO waves.runs (run_id, theme_id, wave_id, started_at, finished_at, dry_run, trigger, host, pid,
                        items_considered, llm_cost_usd, rubric_version, duration_ms, gap_before, gap_after, state,
                        error_summary)
SELECT %(run_id)s, theme_id, %(wave_id)s, %(started_at)s, greatest(%(started_at)s, now()), true, %(trigger)s, %(host)s,
       %(pid)s, %(items_considered)s, 0, %(rubric_version)s,
       greatest(0, (extract(epoch FROM now() - %(started_at)s) * 1000)::bigint), %(gap)s, %(gap)s, 'dry_run',
       %(error_summary)s
FROM waves.theme WHERE theme_id = %(theme_id)s

-- bury --
UPDATE waves.runs
SET state = 'died', finished_at = now(), error_summary = 'the process was gone when the next fire came'
WHERE theme_id = %(theme_id)s AND host = %(host)s AND state = 'running'
RETURNING run_id

-- last --
SELECT run_id, wave_id, started_at, finished_at, dry_run, trigger, host, pid, items_considered, items_processed,
       items_skipped, items_errored, items_restored, llm_calls, llm_cost_usd, rubric_version, duration_ms, gap_before,
       gap_after, state, error_summary
FROM waves.runs WHERE theme_id = %(theme_id)s AND (NOT dry_run OR %(dry_runs)s) ORDER BY started_at DESC, run_id DESC LIMIT %(count)s
