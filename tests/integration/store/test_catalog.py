"""What a theme names is checked against the database before anything is paid for, and each defect names its remedy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from waves.errors import ConfigurationError
from waves.store.catalog import describe as catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.store.conftest import Corpus

    Make = Callable[..., Corpus]

pytestmark = pytest.mark.postgres

LABELS = (("$labels", "labels"), ("$version", "version"))


@pytest.fixture
def defect(comments: Make) -> Callable[..., tuple[str, str]]:
    """The message and the hint for the comments' theme with some keys of its source, or of its target, changed."""
    corpus = comments(2)
    corpus.run("CREATE VIEW a_view AS SELECT * FROM comments")
    corpus.run(
        "CREATE TABLE other (id uuid PRIMARY KEY, labels text, version text, n int GENERATED ALWAYS AS (1) STORED)"
    )
    corpus.run("CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, labels text, version text)")
    corpus.run("CREATE TABLE ruled (id bigint PRIMARY KEY, labels text, version text)")
    corpus.run("CREATE RULE nothing AS ON UPDATE TO ruled DO INSTEAD NOTHING")

    def describe(**changes: Any) -> tuple[str, str]:
        theme = corpus.theme
        assert theme.target is not None
        ours = {key: value for key, value in changes.items() if hasattr(theme.target, key) and key != "key"}
        source = {key: value for key, value in changes.items() if key not in (*ours, "target_key")}
        if "target_key" in changes:
            ours["key"] = changes["target_key"]
        theme = replace(theme, source=replace(theme.source, **source), target=replace(theme.target, **ours))
        with pytest.raises(ConfigurationError) as caught:
            catalog.describe(corpus.db, theme)
        assert caught.value.exit_code == 78
        assert "\n" not in caught.value.message + caught.value.hint
        return caught.value.message, caught.value.hint

    return describe


DEFECTS: list[tuple[dict[str, Any], str, str]] = [
    ({"relation": "commments"}, "source.relation: there is no relation commments", "did you mean public.comments?"),
    ({"relation": "nowhere.comments"}, "no relation nowhere.comments", "public.comments"),
    ({"relation": "x; DROP TABLE comments"}, "there is no relation", "public.comments"),
    ({"key": ("idd",)}, "source.key: public.comments has no column idd", "did you mean id?"),
    ({"input": ("contents",)}, "source.input: public.comments has no column contents", "did you mean content?"),
    ({"input": ("zzz",)}, "has no column zzz", "its columns: id, content, note"),
    (
        {"key": ("note",)},
        'source.key: no unique index of public.comments covers ("note")',
        "CREATE UNIQUE",
    ),
    ({"input": ("content", "labels")}, "source.input and target.columns both name labels", "another column"),
    ({"where": "not deleted"}, 'source.where: PostgreSQL says: column "deleted" does not exist', "`source.where`"),
    ({"where": "id ="}, "source.where: PostgreSQL says: syntax error", "`source.where`"),
    ({"where": "score"}, "source.where: PostgreSQL says: argument of", "`source.where`"),
    ({"priority": "nothing desc"}, 'source.priority: PostgreSQL says: column "nothing"', "`source.priority`"),
    ({"changed": "nothing"}, 'source.changed: PostgreSQL says: column "nothing"', "`source.changed`"),
    ({"changed": "score"}, "source.changed: score of public.comments is double precision", "timestamp with time zone"),
    ({"table": "commentz"}, "target.table: there is no relation commentz", "did you mean public.comments?"),
    ({"table": "a_view"}, "target.table: public.a_view is not a table", "not a view"),
    ({"target_key": ("note",)}, "target.key: no unique index", "CREATE UNIQUE INDEX CONCURRENTLY"),
    ({"target_key": ("id", "score")}, "different numbers of columns", "same order"),
    ({"columns": (("$labels", "lables"),)}, "target.columns: public.comments has no column lables", "mean labels?"),
    (
        {"columns": (("$labels", "score"),)},
        "score of public.comments is double precision, which cannot take $l",
        "text",
    ),
    ({"columns": (("$confidence", "labels"),)}, "labels of public.comments is text", "numeric"),
    ({"columns": (("$version", "id"),)}, "id of public.comments is a key column", "of its own"),
    ({"columns": (*LABELS, ("x", "labels"))}, "labels of public.comments is a key column or is named twice", "own"),
    ({"table": "other", "columns": LABELS}, "comments.id is bigint, public.other.id is uuid", "same type"),
    ({"table": "other", "columns": (("x", "n"),)}, "public.other computes n itself", "can be written"),
    (
        {"table": "numbered", "target_key": ("id",), "columns": LABELS, "insert": True},
        "public.numbered computes id itself",
        "BY DEFAULT",
    ),
    ({"table": "ruled", "target_key": ("id",), "columns": LABELS}, "the rule nothing rewrites what", "drop the rule"),
]


@pytest.mark.parametrize(("changes", "message", "hint"), DEFECTS, ids=[message for _, message, _ in DEFECTS])
def test_every_defect_is_named_with_its_remedy(
    defect: Callable[..., tuple[str, str]], changes: dict[str, Any], message: str, hint: str
) -> None:
    said, remedy = defect(**changes)
    assert message in said
    assert hint in remedy


@pytest.mark.parametrize("name", ["comments", "public.comments", '"comments"', "Comments", 'public."comments"'])
def test_a_relation_is_found_however_it_is_written(comments: Make, name: str) -> None:
    shape = comments(1, relation=name).shape
    assert (str(shape.source), shape.same_table) == ("public.comments", True)


def test_names_that_need_quotes_and_the_search_path_are_honoured(on_table: Make) -> None:
    corpus = on_table(
        'CREATE SCHEMA "Odd 1%";'
        'CREATE TABLE "Odd 1%"."My Docs" ("Id" int PRIMARY KEY, "100%" text, "l""x" text, v text);'
        'SET search_path = "Odd 1%", public; INSERT INTO "My Docs" VALUES (1, \'c\')',
        relation="My Docs",
        table='"Odd 1%"."My Docs"',
        key=("Id",),
        inputs=("100%",),
        columns=(("$labels", 'l"x'), ("$version", "v")),
    )
    assert str(corpus.shape.target) == "Odd 1%.My Docs"
    assert corpus.fire() == ["1"]
    assert corpus.fire() == []


def test_a_key_that_may_be_null_is_told_with_its_remedy(on_table: Make) -> None:
    corpus = on_table(
        "CREATE TABLE docs (a text, b int NOT NULL, content text, UNIQUE (a, b));"
        "INSERT INTO docs VALUES (NULL, 1, 'c')",
        relation="docs",
        key=("a", "b"),
        inputs=("content",),
        columns=None,
    )
    told = [(one.message, one.statement) for one in corpus.shape.warnings if "NULL" in one.message]
    assert told == [
        (
            "a of public.docs may be NULL: a row whose key has a NULL is not in scope, and never asked",
            'ALTER TABLE "public"."docs" ALTER COLUMN "a" SET NOT NULL;',
        )
    ]
    assert corpus.fire() == []


@pytest.mark.parametrize("index", ["(id) WHERE id > 5", "((id + 1))", "(id, content)"])
def test_an_index_on_something_else_does_not_make_a_key(on_table: Make, index: str) -> None:
    table = f"CREATE TABLE docs (id int, content text, version text); CREATE UNIQUE INDEX ON docs {index};"
    with pytest.raises(ConfigurationError, match="no unique index"):
        on_table(table, relation="docs", inputs=("content",), columns=None)


@pytest.fixture
def reader(comments: Make) -> Iterator[Corpus]:
    """A corpus whose connection is a role that may only read `comments`."""
    corpus = comments(2)
    role = corpus.run("SELECT quote_ident('reader_' || current_database())")[0][0]
    corpus.run(f"CREATE ROLE {role}")
    corpus.run(f"GRANT ALL ON SCHEMA waves TO {role}")
    corpus.run(f"GRANT SELECT ON waves.theme TO {role}")
    corpus.run(f"GRANT SELECT ON comments TO {role}")
    corpus.run(f"SET ROLE {role}")
    yield corpus
    corpus.run("RESET ROLE")
    corpus.run(f"DROP OWNED BY {role}")
    corpus.run(f"DROP ROLE {role}")


def test_a_right_that_is_lacking_is_named_with_its_grant_and_the_grant_helps(reader: Corpus) -> None:
    role = reader.run("SELECT quote_ident(current_user)")[0][0]
    grants = []
    for _ in range(9):
        try:
            reader.describe()
            break
        except ConfigurationError as error:
            grants.append(error.hint.removeprefix("as its owner: ").removeprefix("as the owner: "))
            reader.run("RESET ROLE")
            reader.run(grants[-1])
            reader.run(f"SET ROLE {role}")
    assert grants == [f'GRANT UPDATE ("confidence", "labels", "version") ON "public"."comments" TO {role};']
    for revoke in ("REVOKE SELECT ON comments", "REVOKE USAGE ON SCHEMA public"):
        reader.run("RESET ROLE")
        reader.run(f"{revoke} FROM {role}, PUBLIC")
        reader.run(f"SET ROLE {role}")
        reader.theme = replace(reader.theme, source=replace(reader.theme.source, relation="public.comments"))
        with pytest.raises(ConfigurationError, match="may not") as caught:
            reader.describe()
        assert f"TO {role};" in caught.value.hint
    reader.run("RESET ROLE")
    reader.run("GRANT USAGE ON SCHEMA public TO PUBLIC")


def test_a_shape_that_is_fast_has_no_warnings(comments: Make) -> None:
    assert comments(2).shape.warnings == ()


@pytest.mark.parametrize(
    ("change", "keys", "message"),
    [
        ("DROP INDEX comments_version_id_idx", {}, "no index on (version, id)"),
        ("", {"priority": "score desc"}, "no index is in the order of source.priority"),
        ("", {"changed": "changed"}, "begins with source.changed"),
        ("", {"columns": (("$labels", "labels"),)}, "without a $version column"),
    ],
)
def test_what_is_slow_is_said_with_a_statement_that_mends_it(
    comments: Make, change: str, keys: dict[str, Any], message: str
) -> None:
    corpus = comments(2, **keys)
    if change:
        corpus.run(change)
    (advice,) = corpus.describe().warnings
    assert message in advice.message
    assert advice.statement is not None
    corpus.db.connection.execute(advice.statement)
    if "ALTER" not in advice.statement:
        assert corpus.describe().warnings == ()


def test_no_target_and_inserting_are_said_to_compare_the_whole_source(comments: Make) -> None:
    assert "whole source" in comments(1, columns=None).shape.warnings[0].message
