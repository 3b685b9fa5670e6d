Gold and the results on it. The source has no alias, so that the operator's own SQL may name it.

-- rows --
SELECT c.n, s.entity_key, s.input_hash, {inputs}
  FROM unnest({arrays}) WITH ORDINALITY AS c ({names}, n)
  JOIN (SELECT {source_row} FROM {source} WHERE {in_scope}) AS s ON {same_key}
 ORDER BY c.n

-- gold_column --
SELECT {column}::text, {key} FROM {relation} WHERE {column} IS NOT NULL ORDER BY {order}

-- store --
-- Nothing if the newest row of this setting has the same report.
INSERT INTO waves.evaluation (theme_id, rubric_version, backend, model, batch_size, gold_sha256, items, whole,
                              answered, macro_f1, cost_usd, report)
SELECT %(theme_id)s, %(rubric_version)s, %(backend)s, %(model)s, %(batch_size)s, %(gold_sha256)s, %(items)s,
       %(whole)s, %(answered)s, %(macro_f1)s, %(cost_usd)s, %(report)s
WHERE %(report)s::jsonb IS DISTINCT FROM (
    SELECT report FROM waves.evaluation
     WHERE theme_id = %(theme_id)s AND rubric_version = %(rubric_version)s AND backend = %(backend)s
       AND model = %(model)s AND batch_size = %(batch_size)s
     ORDER BY evaluation_id DESC LIMIT 1)
