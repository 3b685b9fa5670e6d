-- The table of the sample activities, and the one that a theme puts its own rows into. Safe to run again.

CREATE TABLE IF NOT EXISTS activities (
    activity_id text PRIMARY KEY,
    title       text NOT NULL,
    description text NOT NULL,
    place       text
);

COMMENT ON TABLE activities IS 'activities in Romanian';

-- One row for each enriched activity. NULL means that nobody knows.
CREATE TABLE IF NOT EXISTS activity_enrichment (
    activity_id      text PRIMARY KEY REFERENCES activities ON DELETE CASCADE,
    language         text,
    title_en         text,
    text_en          text,
    summary_ro       text,
    summary_en       text,
    category         text,
    audience         text,
    setting          text,
    duration_minutes numeric,
    cost_level       text,
    estimated_fields jsonb,                                             -- which of the four above are estimates
    confidence       double precision,
    model            text,
    version          text
);

-- What still has to be enriched is found through this one, however large the table grows.
CREATE INDEX IF NOT EXISTS activity_enrichment_by_version ON activity_enrichment (version, activity_id);
