-- A failed row is asked again after a pause that grows with its attempts, each of which is a fire.
ALTER TABLE waves.verdict ADD COLUMN retry_at timestamptz;
