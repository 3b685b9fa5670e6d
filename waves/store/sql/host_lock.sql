-- stay_idle --
SET LOCAL idle_in_transaction_session_timeout = 0

-- stay_long --
SET LOCAL transaction_timeout = 0

-- probe_timeout --
SET LOCAL statement_timeout = '10s'

-- try --
SELECT pg_try_advisory_xact_lock(%(key)s)

-- probe --
SELECT 1
