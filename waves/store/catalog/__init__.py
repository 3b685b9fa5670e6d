"""The database's own catalogue: the relations, columns, indexes and types that a theme works with."""
