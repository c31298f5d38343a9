"""The Dockerfile of ``zoo serve``: what can be held to the package without building it."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from zoo.cli.group import zoo


@pytest.fixture(scope="module")
def instructions(root: Path) -> list[tuple[str, str]]:
    """Each instruction with what follows it, on one line."""
    text = (root / "examples" / "serving" / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    words = (line.split(None, 1) for line in lines if line.strip())
    return [(word, re.sub(r"\s+", " ", rest)) for word, rest in words]


def _all(instructions: list[tuple[str, str]], name: str) -> list[str]:
    return [rest for word, rest in instructions if word == name]


def test_it_has_instructions_that_docker_knows_and_begins_with_a_fixed_slim_python(
    instructions: list[tuple[str, str]], root: Path
) -> None:
    known = {"ARG", "CMD", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "RUN", "STOPSIGNAL", "USER", "WORKDIR"}
    assert {word for word, _ in instructions} == known
    assert instructions[0][0] == "FROM"
    (version,) = re.findall(r"^python:(3\.\d+)-slim$", instructions[0][1])
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]


def test_it_installs_this_package_with_an_existing_extra(instructions: list[tuple[str, str]], root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (given,) = re.findall(r'^ZOOBENCH="(\S+)"$', "\n".join(_all(instructions, "ARG")), re.MULTILINE)
    name, extra = re.fullmatch(r"(\w+)\[(\w+)\]", given).groups()  # type: ignore[union-attr]
    assert name == project["name"]
    assert extra in project["optional-dependencies"]
    (run,) = _all(instructions, "RUN")
    assert 'pip install --no-cache-dir "$ZOOBENCH"' in run


def test_it_does_not_run_as_root(instructions: list[tuple[str, str]]) -> None:
    words = [word for word, _ in instructions]
    (user,) = _all(instructions, "USER")
    assert int(user.partition(":")[0]) > 0
    assert words.index("RUN") < words.index("USER") < words.index("CMD")
    assert f"--uid {user.partition(':')[0]} " in _all(instructions, "RUN")[0]


def test_its_command_is_one_of_zoo_with_options_that_there_are(instructions: list[tuple[str, str]]) -> None:
    (text,) = _all(instructions, "CMD")
    program, name, *words = json.loads(text)  # the form that makes zoo the process that gets the signals
    assert (program, name) == ("zoo", "serve")
    command = zoo.get_command(click.Context(zoo), name)
    assert command is not None
    options, left, _ = command.make_parser(click.Context(command)).parse_args(words)
    assert (options["host"], left) == ("0.0.0.0", [])
    assert _all(instructions, "EXPOSE") == [options["port"]]


def test_its_health_check_asks_the_port_that_is_served_and_is_a_program(
    instructions: list[tuple[str, str]],
) -> None:
    (text,) = _all(instructions, "HEALTHCHECK")
    options, _, command = text.partition(" CMD ")
    assert {word.partition("=")[0] for word in shlex.split(options)} == {
        "--interval", "--timeout", "--start-period", "--retries",
    }  # fmt: skip
    program, flag, code = json.loads(command)
    assert (program, flag) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")
    assert f":{_all(instructions, 'EXPOSE')[0]}/health" in code
