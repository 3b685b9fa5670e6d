"""A rubric version judges a sample of the table before it may touch the rest."""
