-- The rows of data/sample, in one statement; nothing if the table has rows already.

-- fill --
INSERT INTO {table}
SELECT row.*
  FROM jsonb_populate_recordset(NULL::{table}, %(rows)s::jsonb) AS row
 WHERE NOT EXISTS (SELECT FROM {table})

-- exists --
SELECT WHERE to_regclass(quote_ident(%(table)s)) IS NOT NULL

-- described --
SELECT obj_description(to_regclass(quote_ident(%(table)s)), 'pg_class')
