-- The table of the sample articles, and what two themes write there. Safe to run again.

CREATE TABLE IF NOT EXISTS articles (
    article_id          uuid PRIMARY KEY,
    path                text NOT NULL,                                  -- of the file in the repository it is from
    title               text NOT NULL,
    body                text NOT NULL,
    category            text,                                           -- theme article_category
    category_confidence double precision,
    category_model      text,
    category_version    text,
    article_type        text,                                           -- theme article_type
    type_confidence     double precision,
    type_version        text
);

COMMENT ON TABLE articles IS 'articles of a technical documentation';

-- What still has to be judged is found through these, however large the table grows.
CREATE INDEX IF NOT EXISTS articles_by_category_version ON articles (category_version, article_id);
CREATE INDEX IF NOT EXISTS articles_by_type_version ON articles (type_version, article_id);
