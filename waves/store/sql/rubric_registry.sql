-- ensure_theme --
INSERT INTO waves.theme (theme_id) VALUES (%(theme_id)s) ON CONFLICT DO NOTHING

-- lock --
SELECT active_version FROM waves.theme WHERE theme_id = %(theme_id)s FOR UPDATE

-- register --
INSERT INTO waves.theme_rubric (theme_id, version, prompt, output_schema_json, input_columns, created_by)
VALUES (%(theme_id)s, %(version)s, %(prompt)s, %(schema)s, %(input_columns)s, %(by)s)
ON CONFLICT DO NOTHING

-- activate --
UPDATE waves.theme SET active_version = %(version)s WHERE theme_id = %(theme_id)s

-- approve --
UPDATE waves.theme_rubric SET approved_rows = %(rows)s, approved_by = %(by)s, input_columns = %(input_columns)s
WHERE theme_id = %(theme_id)s AND version = %(version)s

-- active --
SELECT r.version, r.prompt AS text, r.approved_rows, r.approved_by, r.created_at, r.created_by, r.input_columns
FROM waves.theme t JOIN waves.theme_rubric r ON r.theme_id = t.theme_id AND r.version = t.active_version
WHERE t.theme_id = %(theme_id)s

-- find --
SELECT version, prompt AS text, approved_rows, approved_by, created_at, created_by, input_columns
FROM waves.theme_rubric WHERE theme_id = %(theme_id)s AND version = %(version)s

-- history --
SELECT version, prompt AS text, approved_rows, approved_by, created_at, created_by, input_columns
FROM waves.theme_rubric WHERE theme_id = %(theme_id)s ORDER BY created_at, version

-- emitted --
SELECT coalesce(sum((counts->>'emitted')::bigint), 0)::bigint
FROM waves.wave WHERE theme_id = %(theme_id)s AND rubric_version = %(version)s

-- active_before --
SELECT before_json->>'active_version' FROM waves.audit_log
WHERE theme_id = %(theme_id)s AND entity_id = %(version)s AND after_json->>'active_version' = %(version)s
ORDER BY id DESC LIMIT 1
