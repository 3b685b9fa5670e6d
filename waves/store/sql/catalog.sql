What pg_catalog holds about the relations and columns that a theme names.

-- relation --
SELECT c.oid, n.nspname, c.relname, c.relkind
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relname = %(name)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND CASE WHEN %(schema)s::text IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = %(schema)s END

-- identifiers --
SELECT pg_catalog.parse_ident(%(text)s)

-- relations --
SELECT n.nspname || '.' || c.relname
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'waves')
 ORDER BY 1 LIMIT 1000

-- columns --
SELECT a.attname, pg_catalog.format_type(a.atttypid, -1), a.attgenerated <> '' OR a.attidentity = 'a', a.attcollation,
       c.relkind IN ('r', 'p') AND NOT a.attnotnull, pg_catalog.pg_get_expr(d.adbin, d.adrelid),
       pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT'),
       c.relkind IN ('r', 'p') AND pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'UPDATE'),
       c.relkind IN ('r', 'p') AND pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'INSERT')
  FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
  LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum

-- rules --
SELECT rulename FROM pg_catalog.pg_rewrite
WHERE ev_class = %(oid)s AND ev_type IN ('2', '3') AND (is_instead OR %(insert)s) ORDER BY 1 LIMIT 1

-- rights --
SELECT current_user, pg_catalog.quote_ident(current_user), pg_catalog.current_database(),
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')

-- schema_usage --
SELECT pg_catalog.has_schema_privilege(%(schema)s, 'USAGE')

-- indexes --
SELECT i.indisunique AND i.indpred IS NULL, i.indimmediate,
       ARRAY(SELECT a.attname::text
               FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, n)
               LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
              ORDER BY k.n),
       i.indpred IS NOT NULL
  FROM pg_catalog.pg_index AS i
 WHERE i.indrelid = %(oid)s AND i.indisvalid

-- probe_condition --
EXPLAIN SELECT FROM {source} WHERE {condition}

-- probe_order --
EXPLAIN SELECT FROM {source} ORDER BY {order}

-- probe_type --
SELECT pg_catalog.format_type(pg_catalog.pg_typeof(v.value)::oid, -1)
  FROM (SELECT NULL) AS one LEFT JOIN (SELECT {value} AS value FROM {source} LIMIT 0) AS v ON true

-- explain --
EXPLAIN (FORMAT JSON) {query}
