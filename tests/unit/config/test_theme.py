"""`theme.yaml`: what a theme may say, and which layer of limits wins."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest

from waves.config import theme
from waves.errors import ConfigurationError
from waves.models import Limits

SOURCE = "source: {relation: comments, key: id, input: [content]}\nbackends: [rehearsal]\n"
NAMES = [limit.name for limit in fields(Limits)]


def load(prompts: Path, text: str, theme_id: str = "t") -> theme.Theme:
    (prompts / theme_id).mkdir(parents=True, exist_ok=True)
    (prompts / theme_id / "theme.yaml").write_text(text, "utf-8")
    return theme.load(prompts, theme_id)


def test_the_least_theme_has_the_default_limits(tmp_path: Path) -> None:
    loaded = load(tmp_path, SOURCE)
    assert loaded.source == theme.Source("comments", ("id",), ("content",))
    assert (loaded.target, loaded.models, loaded.layer, loaded.limits) == (None, None, "default", Limits())
    assert loaded.folder == tmp_path / "t"


def test_every_key_of_a_theme_arrives(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        "layer: senate\n"
        "source: {relation: s.c, key: [a, b], input: [x, y], where: not deleted, priority: q desc, changed: at}\n"
        "target: {table: v, key: [a, b], columns: {$label: l, $version: w, note: n}, insert: true}\n"
        "backends: [one, two]\nmodels: [big]\nwave: {keys: 5, snooze_error_rate: 0.25}\n",
    )
    assert loaded.source == theme.Source("s.c", ("a", "b"), ("x", "y"), "not deleted", "q desc", "at")
    assert loaded.target == theme.Target(
        "v", ("a", "b"), (("$label", "l"), ("$version", "w"), ("note", "n")), insert=True
    )
    assert loaded.target.version_column == "w"
    assert (loaded.backends, loaded.models) == (("one", "two"), ("big",))
    assert loaded.limits == Limits(keys=5, snooze_error_rate=0.25)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SOURCE + "souce: 1\n", "theme.yaml:3: unknown key 'souce'"),
        (SOURCE + "wave: {key: 5}\n", "theme.yaml:3: unknown key 'wave.key'"),
        (SOURCE + "target: {table: t, key: id, columns: {}}\n", "theme.yaml:3: target.columns: "),
        (
            SOURCE + "target: {table: t, key: id, colums: {$label: l}}\n",
            "theme.yaml:3: key 'target.columns' is missing",
        ),
        (SOURCE + "target: {table: t, key: id, columns: {$lable: l}}\n", "theme.yaml:3: target.columns: unknown value"),
        (
            SOURCE + "target: {table: t, key: id, columns: {$label: l, $run: l}}\n",
            "theme.yaml:3: target.columns: two values go to the same column",
        ),
        ("backends: [rehearsal]\n", "theme.yaml:1: key 'source' is missing"),
        ("source: {relation: c, key: id, input: [a]}\n", "theme.yaml:1: key 'backends' is missing"),
        ("source: {relation: c, key: id, input: [a]}\nbackends: []\n", "theme.yaml:2: backends: "),
        (
            f"source: {{relation: c, key: id, input: {[f'c{n}' for n in range(101)]}}}\nbackends: [r]\n",
            "theme.yaml:1: source.i",
        ),
        (
            SOURCE + f"target: {{table: t, key: id, columns: {json.dumps({f'f{n}': f'c{n}' for n in range(51)})}}}\n",
            "theme.yaml:3: target.columns: ",
        ),
        ("source: {relation: c, key: id, input: a}\nbackends: [r]\n", "theme.yaml:1: source.input: "),
        ("source: {relation: c, key: id, input: []}\nbackends: [r]\n", "theme.yaml:1: source.input: "),
        ("source: {relation: c, key: id, input: ['']}\nbackends: [r]\n", "theme.yaml:1: source.input: a name is empty"),
        ("source: {relation: c, key: id, input: [a, a]}\nbackends: [r]\n", "theme.yaml:1: source.input: the same name"),
        ("source: {relation: c, key: [a, a], input: [b]}\nbackends: [r]\n", "theme.yaml:1: source.key: "),
        ("source: {relation: c, key: '', input: [b]}\nbackends: [r]\n", "theme.yaml:1: source.key: "),
        ("source: {relation: c, key: {a: b}, input: [b]}\nbackends: [r]\n", "theme.yaml:1: source.key: "),
        (SOURCE + "wave: {keys: 0}\n", "theme.yaml:3: wave.keys: "),
        (SOURCE + "wave: {keys: true}\n", "theme.yaml:3: wave.keys: a whole number is required"),
        (SOURCE + "wave: {keys: 1.5}\n", "theme.yaml:3: wave.keys: "),
        (SOURCE + "wave: {keys: .nan}\n", "theme.yaml:3: wave.keys: "),
        (SOURCE + "wave: {snooze_error_rate: .nan}\n", "theme.yaml:3: wave.snooze_error_rate: "),
        (SOURCE + "wave: {max_orphan_rate: 1.01}\n", "theme.yaml:3: wave.max_orphan_rate: "),
        (SOURCE + "wave:\n  parallel: many\n", "theme.yaml:4: wave.parallel: "),
        (SOURCE + "wave: 5\n", "theme.yaml:3: wave: a mapping of keys is required here"),
        (SOURCE + "layer: The Senate\n", "theme.yaml:3: layer: "),
    ],
)
def test_a_defect_is_said_with_file_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path, text)
    assert raised.value.message.startswith(f"{tmp_path}/t/{message}")
    assert raised.value.exit_code == 78


@pytest.mark.parametrize("theme_id", ["nosuch", "../t", "T", "", "1t", "t" * 42, "t\n", "t/../t", "é"])
def test_an_unknown_theme_names_those_that_there_are(tmp_path: Path, theme_id: str) -> None:
    load(tmp_path, SOURCE, "t")
    load(tmp_path, SOURCE, "second")
    with pytest.raises(ConfigurationError, match="unknown theme") as raised:
        theme.load(tmp_path, theme_id)
    assert "Known: second, t." in raised.value.hint
    assert "\n" not in raised.value.message


@pytest.mark.parametrize("theme_id", theme.RESERVED)
def test_a_theme_cannot_take_a_reserved_folder(tmp_path: Path, theme_id: str) -> None:
    with pytest.raises(ConfigurationError, match="is reserved"):
        load(tmp_path, SOURCE, theme_id)


def test_only_folders_with_a_theme_are_themes(tmp_path: Path) -> None:
    for name in ("b", "a"):
        load(tmp_path, SOURCE, name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "Upper").mkdir()
    (tmp_path / "Upper" / "theme.yaml").write_text(SOURCE, "utf-8")
    assert theme.known(tmp_path) == ["a", "b"]
    assert theme.known(tmp_path / "nowhere") == []


def value(name: str, layer: int) -> Any:
    """A legal number for this limit, another one in each layer."""
    return (layer + 1) / 10 if "rate" in name else layer + 1


@pytest.mark.parametrize("name", NAMES)
def test_the_last_layer_that_speaks_wins_for_every_limit(name: str) -> None:
    """theme.yaml < theme_config < environment < flag."""
    for layers in chain.from_iterable(combinations(range(4), size) for size in range(1, 5)):
        own = Limits(**{name: value(name, 0)}) if 0 in layers else Limits()
        over = [{name: str(value(name, n)) if n < 3 else value(name, n)} if n in layers else {} for n in (1, 2, 3)]
        settled = theme.merge_limits(own, *over)
        assert getattr(settled, name) == value(name, max(layers))
        assert {key: v for key, v in asdict(settled).items() if key != name} == {
            key: v for key, v in asdict(Limits()).items() if key != name
        }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["", "many", "-1", "nan", "1e400", "True", "9" * 30])
def test_a_limit_that_is_no_number_in_its_range_names_its_sources(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        theme.merge_limits(Limits(), {name: text})
    assert raised.value.message.startswith(f"{name} = {text!r}: ")
    assert f"WAVES_{name.upper()}" in raised.value.hint


def test_an_unknown_limit_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="unknown limit 'kes'") as raised:
        theme.merge_limits(Limits(), {"kes": "5"})
    assert "keys" in raised.value.hint
