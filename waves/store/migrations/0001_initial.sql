-- The tables of waves. Applied once, in one transaction, under an advisory lock; never edited after a release.

CREATE TABLE waves.installation (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id         uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO waves.installation DEFAULT VALUES;

CREATE TABLE waves.theme (
    theme_id       text PRIMARY KEY CHECK (theme_id ~ '^[a-z][a-z0-9_]{0,40}$'),
    active_version text,
    drift_cursor   jsonb                     -- where the search for edited rows goes on
);

CREATE TABLE waves.theme_rubric (
    theme_id           text NOT NULL REFERENCES waves.theme,
    version            text NOT NULL,
    prompt             text NOT NULL,         -- the whole file: an older version can be run from here
    output_schema_json jsonb NOT NULL,
    input_columns      jsonb NOT NULL,
    approved_rows      bigint,                -- NULL: nobody approved it; the gate lets so many rows through
    approved_by        text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (theme_id, version)
);
ALTER TABLE waves.theme ADD FOREIGN KEY (theme_id, active_version) REFERENCES waves.theme_rubric (theme_id, version);

CREATE TABLE waves.theme_rubric_proposal (
    proposal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    theme_id    text NOT NULL REFERENCES waves.theme,
    based_on    text NOT NULL,
    prompt      text NOT NULL,
    evidence    jsonb,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'rejected')),
    decided_by  text,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- The only configuration table.
CREATE TABLE waves.theme_config (
    theme_id   text NOT NULL REFERENCES waves.theme,
    key        text NOT NULL,
    value      text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    reason     text,
    updated_by text NOT NULL DEFAULT current_user,
    PRIMARY KEY (theme_id, key)
);

CREATE TABLE waves.wave (
    wave_id        text PRIMARY KEY,
    theme_id       text NOT NULL REFERENCES waves.theme,
    rubric_version text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('normal', 'pilot')),
    host           text NOT NULL,
    counts         jsonb NOT NULL DEFAULT '{}',
    state          text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'submitted', 'held', 'closed', 'abandoned')),
    reason         text,
    opened_at      timestamptz NOT NULL DEFAULT now(),
    closed_at      timestamptz
);
CREATE UNIQUE INDEX wave_one_open_per_theme ON waves.wave (theme_id) WHERE state IN ('open', 'submitted', 'held');
CREATE INDEX wave_by_theme ON waves.wave (theme_id, opened_at);

-- What is known about (theme, row, rubric version, content). The primary key is the idempotency key; all versions stay.
CREATE TABLE waves.verdict (
    verdict_id     bigint GENERATED ALWAYS AS IDENTITY,
    theme_id       text NOT NULL REFERENCES waves.theme,
    entity_key     text NOT NULL,
    rubric_version text NOT NULL,
    input_hash     text NOT NULL,
    state          text NOT NULL CHECK (state IN ('accepted', 'failed', 'refused', 'quarantined')),
    attempts       integer NOT NULL DEFAULT 0,
    output         jsonb,
    confidence     double precision,
    model          text,
    call_id        text,
    reason         text,
    raw            text,
    wave_id        text,                      -- the wave that settled the row; NULL while a failed row may be asked again in its wave
    run_id         text,
    applied_at     timestamptz,               -- when the target last took it
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (theme_id, entity_key, rubric_version, input_hash),
    CHECK (state <> 'accepted' OR output IS NOT NULL)
);
CREATE INDEX verdict_not_accepted ON waves.verdict (theme_id, rubric_version, state) WHERE state <> 'accepted';
-- What a wave settled without a part; an accepted row has a reason only if a wave asked it again in vain.
CREATE INDEX verdict_by_wave ON waves.verdict (wave_id) WHERE state <> 'accepted' OR reason IS NOT NULL;

CREATE TABLE waves.runs (
    run_id           text PRIMARY KEY,
    theme_id         text NOT NULL REFERENCES waves.theme,
    wave_id          text,
    started_at       timestamptz NOT NULL DEFAULT now(),
    finished_at      timestamptz,
    dry_run          boolean NOT NULL DEFAULT false,
    trigger          text NOT NULL,
    host             text NOT NULL,
    pid              integer NOT NULL,
    items_considered bigint NOT NULL DEFAULT 0,
    items_processed  bigint NOT NULL DEFAULT 0,
    items_skipped    bigint NOT NULL DEFAULT 0,
    items_errored    bigint NOT NULL DEFAULT 0,
    llm_calls        bigint NOT NULL DEFAULT 0,
    llm_cost_usd     double precision,        -- NULL: unknown
    rubric_version   text,
    duration_ms      bigint,
    gap_before       bigint,
    gap_after        bigint,
    reserved_keys    bigint NOT NULL DEFAULT 0,
    reserved_usd     double precision,
    state            text NOT NULL DEFAULT 'running',
    error_summary    text
);
CREATE INDEX runs_by_theme ON waves.runs (theme_id, started_at DESC);

-- One row per state change.
CREATE TABLE waves.audit_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id      text,
    theme_id    text NOT NULL,
    actor       text NOT NULL,
    entity_id   text,
    before_json jsonb,
    after_json  jsonb,
    reason      text,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_log_by_entity ON waves.audit_log (theme_id, entity_id);
CREATE INDEX audit_log_by_run ON waves.audit_log (run_id);

CREATE TABLE waves.outcome_feedback (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    theme_id       text NOT NULL,
    output_row_id  text NOT NULL,
    outcome_metric text NOT NULL,
    outcome_value  double precision,
    observed_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outcome_feedback_by_row ON waves.outcome_feedback (theme_id, output_row_id);

-- Every request sent. Unique by call: replaying a journal changes nothing.
CREATE TABLE waves.ledger (
    call_id            text PRIMARY KEY,
    theme_id           text NOT NULL,
    wave_id            text NOT NULL,
    run_id             text NOT NULL,
    backend            text NOT NULL,
    model              text NOT NULL,
    fate               text NOT NULL CHECK (fate IN ('paid', 'unpaid', 'maybe_paid')),
    status             integer,
    items              integer NOT NULL,
    input_tokens       bigint,
    output_tokens      bigint,
    cache_write_tokens bigint,
    cache_read_tokens  bigint,
    reserved_usd       double precision,
    cost_usd           double precision,
    reason             text,
    sent_at            timestamptz NOT NULL,
    ended_at           timestamptz
);
CREATE INDEX ledger_by_wave ON waves.ledger (wave_id);
CREATE INDEX ledger_by_theme ON waves.ledger (theme_id, sent_at);

-- What every process, theme and host on a backend has to know.
CREATE TABLE waves.backend_state (
    backend       text PRIMARY KEY,
    snoozed_until timestamptz,
    reason        text,
    capacity      bigint,
    evidence      jsonb NOT NULL DEFAULT '[]',
    updated_at    timestamptz NOT NULL DEFAULT now()
);
