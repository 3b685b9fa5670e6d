"""Everything in PostgreSQL: the only package that runs SQL. It raises the errors of `waves.errors`.

`connect.open_database` returns the `Database` that all other modules take first; each module owns one kind of row.
"""
