"""Everything in PostgreSQL: the only package that speaks SQL. Its faults are those of `waves.errors`.

`connect.open_database` gives the `Database` that all other modules take first; each module owns one kind of row.
"""
