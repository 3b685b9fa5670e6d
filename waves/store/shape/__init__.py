"""The shape of a theme's relations, and the SQL fragments and column values that follow from it."""
