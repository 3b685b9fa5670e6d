-- Which value went to which column of the target, so that a theme that names another column is noticed. While
-- `target_changed_at` is set, verdicts that were applied before it are written again.
ALTER TABLE waves.theme
    ADD COLUMN target_columns    jsonb,                 -- value → column; NULL: not recorded yet
    ADD COLUMN target_changed_at timestamptz;
