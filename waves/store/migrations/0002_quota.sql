-- Windows and pacing: what fires have reserved of a backend's window, and what is known of it.

ALTER TABLE waves.runs
    ADD COLUMN backend     text,
    ADD COLUMN reserved_at timestamptz;        -- reserved_keys count while the run runs, and for a day at most
CREATE INDEX runs_that_reserve ON waves.runs (backend) WHERE state = 'running';

-- The keys of a window are counted across themes.
CREATE INDEX ledger_by_backend ON waves.ledger (backend, sent_at);
CREATE INDEX IF NOT EXISTS ledger_by_run ON waves.ledger (run_id);

ALTER TABLE waves.backend_state
    DROP COLUMN capacity,                      -- follows from the evidence and the ledger, and must not disagree with them
    ADD COLUMN window_ends timestamptz,        -- the newest end of the window that the provider named
    ADD COLUMN pauses integer NOT NULL DEFAULT 0;   -- snoozes since something last succeeded
