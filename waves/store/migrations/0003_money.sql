-- What a request cost, by whose prices, and what running fires may still spend on a backend.

ALTER TABLE waves.ledger
    ADD COLUMN cache_write_1h_tokens bigint,                -- those of cache_write_tokens that stay for an hour
    ADD COLUMN batch                 boolean NOT NULL DEFAULT false,
    ADD COLUMN price_table           text;                  -- whose prices cost_usd comes from
ALTER TABLE waves.runs
    ADD COLUMN IF NOT EXISTS backend text;                  -- the one that reserved_usd may be spent on

CREATE INDEX IF NOT EXISTS ledger_by_backend ON waves.ledger (backend, sent_at);
CREATE INDEX IF NOT EXISTS ledger_by_run ON waves.ledger (run_id);
