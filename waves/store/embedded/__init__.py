"""The PostgreSQL server that ships with the product, started under `data/postgres`."""
