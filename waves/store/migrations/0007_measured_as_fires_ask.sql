-- A gate reads what was measured on all of the gold, and compared on all rows that both versions judged. Of older rows
-- nobody knows: to measure again asks nothing, the answers are on disk.
ALTER TABLE waves.evaluation ADD COLUMN whole boolean NOT NULL DEFAULT false;
ALTER TABLE waves.comparison ADD COLUMN whole boolean NOT NULL DEFAULT false;

-- Rows that a run wrote back from history without asking: they are among neither the processed nor the skipped.
ALTER TABLE waves.runs ADD COLUMN items_restored bigint NOT NULL DEFAULT 0;
