-- applied --
SELECT name, sha256, (SELECT id::text FROM waves.installation) FROM waves.schema_migration ORDER BY name

-- recorded --
SELECT name, sha256, NULL FROM waves.schema_migration ORDER BY name

-- lock --
SELECT pg_advisory_xact_lock(%(key)s)

-- look --
SELECT to_regnamespace('waves')::text, to_regclass('waves.schema_migration')::text, current_database(), current_user

-- create_schema --
CREATE SCHEMA waves

-- create_table --
CREATE TABLE waves.schema_migration (
    name       text PRIMARY KEY,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- record --
INSERT INTO waves.schema_migration (name, sha256) VALUES (%(name)s, %(sha256)s)
