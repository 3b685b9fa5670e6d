-- known --
SELECT window_ends, evidence FROM waves.backend_state WHERE backend = %(backend)s

-- learn --
INSERT INTO waves.backend_state AS known (backend, window_ends, evidence)
VALUES (%(backend)s, %(window_ends)s, %(evidence)s)
ON CONFLICT (backend) DO UPDATE
SET window_ends = coalesce(excluded.window_ends, known.window_ends), evidence = excluded.evidence

-- lock --
SELECT pg_advisory_xact_lock(hashtextextended('waves backend ' || %(backend)s, 0))

-- use --
-- A request may carry the time of a clock that was ahead: the caller's `end` allows one window for that, and no more.
SELECT coalesce(sum(items), 0)::bigint AS keys,
       coalesce(sum(items) FILTER (WHERE fate = 'paid'), 0)::bigint AS paid,
       count(*) FILTER (WHERE fate = 'paid' AND items > 0) AS requests,
       max(sent_at) AS last
FROM waves.ledger
WHERE backend = %(backend)s AND fate <> 'unpaid' AND sent_at >= %(start)s AND sent_at <= %(end)s

-- reserved --
-- Keys that the run has entered in the ledger are counted there. A run whose host never came back holds its keys for a
-- day, or for a window if that is longer.
SELECT coalesce(sum(greatest(0, reserved_keys - entered)), 0)::bigint
FROM waves.runs,
     LATERAL (SELECT coalesce(sum(items), 0) AS entered FROM waves.ledger
              WHERE ledger.run_id = runs.run_id AND fate <> 'unpaid' AND ledger.backend = runs.backend) AS sent
WHERE runs.backend = %(backend)s AND state = 'running' AND run_id IS DISTINCT FROM %(besides)s
  AND reserved_at > now() - greatest(interval '1 day', %(length)s)

-- reserve --
UPDATE waves.runs
SET backend = %(backend)s,
    reserved_at = now(),
    reserved_keys = %(keys)s + (
        SELECT coalesce(sum(items), 0) FROM waves.ledger
        WHERE run_id = %(run_id)s AND fate <> 'unpaid' AND ledger.backend = %(backend)s)
WHERE run_id = %(run_id)s
