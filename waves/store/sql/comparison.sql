Two rubric versions on the same content of the same rows. For a row that was judged with several contents, the newest
verdict counts.

-- pairs --
SELECT DISTINCT ON (n.entity_key) n.entity_key, n.input_hash, o.output::text, n.output::text
  FROM waves.verdict AS n
  JOIN waves.verdict AS o ON o.theme_id = n.theme_id AND o.entity_key = n.entity_key AND o.input_hash = n.input_hash
 WHERE n.theme_id = %(theme)s AND n.rubric_version = %(new)s AND n.state = 'accepted'
   AND o.rubric_version = %(old)s AND o.state = 'accepted'
 ORDER BY n.entity_key, n.created_at DESC

-- outputs --
SELECT v.entity_key, v.input_hash, v.output::text
  FROM unnest(%(keys)s::text[], %(hashes)s::text[]) AS w (entity_key, input_hash)
  JOIN waves.verdict AS v
    ON v.theme_id = %(theme)s AND v.rubric_version = %(version)s AND v.state = 'accepted'
   AND v.entity_key = w.entity_key AND v.input_hash = w.input_hash

-- record --
INSERT INTO waves.comparison (theme_id, old_version, new_version, compared, flips, whole, report)
VALUES (%(theme)s, %(old)s, %(new)s, %(compared)s, %(flips)s, %(whole)s, %(report)s)
RETURNING comparison_id
