"""The database's own catalogue: which relations, columns, indexes and types a theme works with."""
