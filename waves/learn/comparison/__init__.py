"""Two rubric versions on the same rows: where they agree and which labels change."""
