-- The rows of data/sample, in one statement; nothing where the table has rows already.

-- fill --
INSERT INTO artifact_comments
SELECT row.*
  FROM jsonb_populate_recordset(NULL::artifact_comments, %(rows)s::jsonb) AS row
 WHERE NOT EXISTS (SELECT FROM artifact_comments)
