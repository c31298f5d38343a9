"""What the README and the docs say is so: commands exist, cheap ones run, names are in the catalog, links lead on.

Commands are the lines of ``console`` blocks. A code block whose first line is ``# NAME.py`` or ``# NAME.toml`` is a
file of that name for the commands. ``<!-- run -->`` on the line above a ``console`` block has all of it run, as a slow
test; listing, showing and planning are run anyway, as slow tests where they train or count networks.
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from zoo import Catalog
from zoo.cli.group import zoo as group
from zoo.names import is_pattern

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BUILTINS = ROOT / "docs" / "reference" / "builtins.md"
CHEAP = {"list", "plan", "plugins", "show", "--help", "--version"}
COSTLY = re.compile(r"zoo list .*\b(params|macs)\b|--lr-find")
"""What makes a cheap command train, or build all networks that it lists."""
_BLOCK = re.compile(r"^(?P<mark><!-- run -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Line:
    """A line of a console block."""

    page: str
    text: str
    marked: bool

    def commands(self) -> Iterator[list[str]]:
        """Yield the arguments of each call of ``zoo``."""
        lexer = shlex.shlex(self.text, posix=True, punctuation_chars="&|;")
        lexer.whitespace_split = True
        words: list[str] = []
        for token in [*lexer, "&&"]:
            if not set(token) <= set("&|;"):
                words.append(token)
                continue
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words and words[0] == "zoo":
                yield words[1:]
            words = []

    def __str__(self) -> str:
        return self.text


def _blocks(page: Path) -> Iterator[re.Match[str]]:
    return _BLOCK.finditer(page.read_text(encoding="utf-8")) if page.is_file() else iter(())


def _lines() -> list[Line]:
    found = {}
    for page in PAGES:
        for block in _blocks(page):
            if block["language"] != "console":
                continue
            for text in block["text"].replace("\\\n", " ").splitlines():
                text = re.sub(r"\s#\s.*", "", text.removeprefix("$ ")).strip()
                if text and not text.startswith("#"):
                    found.setdefault(text, Line(page=page.name, text=text, marked=bool(block["mark"])))
    return list(found.values())


LINES = _lines()
ZOO_LINES = [line for line in LINES if list(line.commands())]
CHEAP_LINES = [
    line
    for line in ZOO_LINES
    if all(words and words[0] in CHEAP and "--probe" not in words for words in line.commands())  # a probe trains
    and not COSTLY.search(line.text)
]
SLOW_LINES = [line for line in ZOO_LINES if (line.marked or COSTLY.search(line.text)) and line not in CHEAP_LINES]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with the files that the pages show."""
    for page in PAGES:
        for block in _blocks(page):
            if name := re.match(r"# (\w+\.(py|toml))\n", block["text"]):
                (tmp_path / name[1]).write_text(block["text"], encoding="utf-8")
    return tmp_path


def test_the_readme_has_one_command_to_run_and_one_to_test() -> None:
    texts = [line.text for line in LINES]
    assert "python -m pip install . && zoo bench" in texts
    assert "python -m pip install tox tox-uv && tox" in texts
    assert "tox run" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_reference_shows_each_command_of_zoo_with_an_example() -> None:
    from zoo.cli.group import COMMANDS

    text = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^zoo (\w+)", text, re.MULTILINE)) == set(COMMANDS)
    assert set(re.findall(r"^\| \[`zoo (\w+)`\]", text, re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("line", ZOO_LINES, ids=str)
def test_a_command_that_is_shown_exists_with_its_options(line: Line) -> None:
    for words in line.commands():
        _check(words)


def _check(words: list[str]) -> None:
    """Raise click's error unless *words* parse: commands, options, choices, number of arguments."""
    context = click.Context(group, info_name="zoo")
    _, rest, _ = group.make_parser(context).parse_args(list(words))
    if not rest:
        return
    command = group.get_command(context, rest[0])
    assert command is not None, f"there is no zoo {rest[0]}"
    inner = click.Context(command, info_name=rest[0], parent=context)
    options, left, _ = command.make_parser(inner).parse_args(list(rest[1:]))
    if isinstance(command, click.Group) and left:
        command, left = command.commands[left[0]], left[1:]
        inner = click.Context(command, info_name=command.name, parent=inner)
        options, left, _ = command.make_parser(inner).parse_args(left)
    assert not left, f"zoo {rest[0]} does not take {left}"
    for parameter in command.params:
        if isinstance(parameter.type, click.Choice):
            given = options.get(parameter.name or "")
            for value in given if isinstance(given, list | tuple) else [given]:
                if isinstance(value, str):
                    parameter.type.convert(value, parameter, inner)


def _inline_commands() -> list[str]:
    """Return each ``zoo …`` between backticks in running text, where nothing stands for something else."""
    found: dict[str, None] = {}
    for page in PAGES:
        prose = _BLOCK.sub("", page.read_text(encoding="utf-8"))
        found |= dict.fromkeys(re.findall(r"`zoo ([a-z][^`]*)`", prose))
    return [text for text in found if not re.search(r"[A-Z…|\[]", text)]


@pytest.mark.parametrize("text", _inline_commands(), ids=str)
def test_a_command_in_running_text_exists_with_its_options(text: str) -> None:
    _check(shlex.split(text))


def _tox_environments(text: str) -> Iterator[str]:
    for names in re.findall(r"tox (?:run )?-e ([\w,]+)", text):
        yield from names.split(",")


def test_a_tox_environment_that_is_shown_exists() -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini", encoding="utf-8")
    known = set(re.split(r"[,\s]+", config["tox"]["env_list"]))
    for section in config.sections():
        stem, _, factors = section.removeprefix("testenv:").rstrip("}").partition("{")
        known |= {f"{stem}{factor}" for factor in factors.split(",")}
    texts = [*(page.read_text(encoding="utf-8") for page in PAGES), (ROOT / "tox.ini").read_text(encoding="utf-8")]
    shown = {name for text in texts for name in _tox_environments(text)}
    assert {"compare", "suite211", "slow"} <= shown
    assert shown - known == set()


@pytest.mark.parametrize("line", ["bensh", "bench --modls x", "list models --format pdf", "bench --epochs"])
def test_the_check_above_sees_a_mistake(line: str) -> None:
    with pytest.raises((click.ClickException, AssertionError)):
        _check(line.split())


def _run(line: Line, script: Path, folder: Path, timeout: float) -> None:
    variables = {**os.environ, "PATH": os.pathsep.join([str(script.parent), os.environ.get("PATH", "")])}
    done = subprocess.run(
        line.text, shell=True, capture_output=True, cwd=folder, encoding="utf-8", env=variables, timeout=timeout
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("line", CHEAP_LINES, ids=str)
def test_a_cheap_command_that_is_shown_runs(line: Line, files: Path, zoo_script: Path) -> None:
    _run(line, zoo_script, files, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("line", SLOW_LINES, ids=str)
def test_a_marked_command_runs(line: Line, files: Path, zoo_script: Path) -> None:
    _run(line, zoo_script, files, timeout=290)


def test_each_plugin_that_is_shown_loads(files: Path) -> None:
    from zoo.loading import Sources, build_catalog

    shown = sorted(str(path) for path in files.glob("*.py") if "@hookimpl" in path.read_text(encoding="utf-8"))
    assert shown
    for plugin in build_catalog(Sources(files=tuple(shown), entry_points=False, builtin=False)).plugins:
        assert plugin.state == "loaded", plugin.traceback


def test_the_network_of_the_readme_maps_images_to_logits(files: Path) -> None:
    import torch

    from zoo import ModelRequest
    from zoo.loading import Sources, build_catalog

    catalog = build_catalog(Sources(files=(str(files / "my_models.py"),), entry_points=False, builtin=False))
    (entry,) = catalog.architectures
    assert entry.display_name == "one_conv"
    for channels in (1, 3):
        size = entry.record.native_size
        request = ModelRequest(num_classes=7, in_channels=channels, image_size=size)
        logits_BK = entry.record.build(request)(torch.zeros(2, channels, size, size))
        assert logits_BK.shape == (2, 7)


def _names_in_row(kind: str) -> list[str]:
    row = re.search(rf"^\| {kind} \|(.*)\|$", BUILTINS.read_text(encoding="utf-8"), re.MULTILINE)
    return re.findall(r"`([^`]+)`", row[1]) if row else []


@pytest.mark.parametrize(
    ("kind", "registry"), [("models", "architectures"), ("data", "datasets"), ("recipes", "recipes")]
)
def test_each_built_in_name_that_is_shown_is_in_the_catalog(kind: str, registry: str, catalog: Catalog) -> None:
    names = _names_in_row(kind)
    assert names
    entries = getattr(catalog, registry)
    missing = [
        name
        for name in (each.partition(":")[0] for each in names)
        if not (entries.match(name) if is_pattern(name) else name in entries)
    ]
    assert missing == []


def test_every_recipe_and_dataset_that_is_built_in_is_shown(catalog: Catalog) -> None:
    for kind, entries in (("recipes", catalog.recipes), ("data", catalog.datasets)):
        names = {name.partition(":")[0] for name in _names_in_row(kind)}
        assert {entry.display_name for entry in entries} - names == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_to_a_file_leads_to_one(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_is_left_to_be_filled_in(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"@@\w*@@|\bTODO\b|\bTBD\b|\bXXX\b", text) == []
    assert re.findall(r"(?:/home/|/root/|/Users/|[A-Z]:\\)\S*", text) == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1000


def test_the_changelog_has_a_section_for_what_is_not_released() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[Unreleased\]$", text, re.MULTILINE)
    assert set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Fixed",
        "Removed",
        "Security",
    }
