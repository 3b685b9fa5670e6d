-- What is known about rubric versions before they are put in force, and what a completed theme sets off.

ALTER TABLE waves.theme_rubric ADD COLUMN created_by text;   -- NULL: registered by a fire, before anybody was asked
ALTER TABLE waves.runs ADD COLUMN on_complete_exit_code integer;   -- of the theme's own command; NULL: it did not run

-- One version against gold, at one setting.
CREATE TABLE waves.evaluation (
    evaluation_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    theme_id       text NOT NULL REFERENCES waves.theme,
    rubric_version text NOT NULL,
    backend        text NOT NULL,
    model          text NOT NULL,
    batch_size     integer NOT NULL,
    gold_sha256    text NOT NULL,              -- of the gold that it was measured on: others cannot be compared
    items          integer NOT NULL,
    answered       integer NOT NULL,
    macro_f1       double precision,
    cost_usd       double precision,           -- NULL: unknown
    report         jsonb NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX evaluation_by_version ON waves.evaluation (theme_id, rubric_version, created_at);

-- Two versions on the same rows, without gold.
CREATE TABLE waves.comparison (
    comparison_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    theme_id      text NOT NULL REFERENCES waves.theme,
    old_version   text NOT NULL,
    new_version   text NOT NULL,
    compared      integer NOT NULL,            -- rows that both versions judged, with the same content
    flips         integer NOT NULL,            -- of them, those whose verdict differs
    report        jsonb NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX comparison_by_version ON waves.comparison (theme_id, new_version, created_at);
