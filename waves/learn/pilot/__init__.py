"""A rubric version on a sample of the table, before it may touch the rest."""
