-- The table of the sample comments, and the view that shows a model each comment in its context. Safe to run again.

CREATE TABLE IF NOT EXISTS artifact_comments (
    id                      bigint PRIMARY KEY,
    content                 text NOT NULL,
    comment_type            text NOT NULL,
    artifact_type           text NOT NULL,                              -- of the artifact that is commented on
    parent_id               bigint REFERENCES artifact_comments ON DELETE SET NULL,
    created_at              timestamptz NOT NULL DEFAULT now(),
    updated_at              timestamptz NOT NULL DEFAULT now(),
    quality_score           double precision,
    deleted                 boolean NOT NULL DEFAULT false,
    comment_type_labels     text,                                       -- a JSON array: comment_type_labels::jsonb @> '["question"]'
    comment_type_confidence double precision,
    classifier_version      text
);

COMMENT ON TABLE artifact_comments IS 'comments of scientific reviews';

-- What still has to be classified is found through this one, however large the table grows.
CREATE INDEX IF NOT EXISTS artifact_comments_by_version ON artifact_comments (classifier_version, id);

-- Deleting a comment looks for its answers.
CREATE INDEX IF NOT EXISTS artifact_comments_by_parent ON artifact_comments (parent_id);

-- One row for each comment. The text of a deleted parent is shown to nobody.
CREATE OR REPLACE VIEW artifact_comments_context AS
SELECT comment.id,
       comment.content,
       comment.comment_type,
       comment.artifact_type,
       parent.content AS parent_content,
       comment.created_at,
       comment.updated_at,
       comment.quality_score,
       comment.deleted
  FROM artifact_comments AS comment
  LEFT JOIN artifact_comments AS parent ON parent.id = comment.parent_id AND NOT parent.deleted;
