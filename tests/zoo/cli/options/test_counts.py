"""Options that take a count: numbers below 1 are refused, and defaults are shown."""

from __future__ import annotations

import click
from click.testing import CliRunner

from zoo.cli.options.counts import count_option


@click.command()
@count_option("--top-k", "Classes to show.", default=5, metavar="K")
@count_option("--workers", "Threads [default: one per core].")
def command(top_k: int, workers: int | None) -> None:
    click.echo(f"{top_k} {workers}")


def test_a_number_or_its_default_is_taken() -> None:
    assert CliRunner().invoke(command, ["--workers", "2"]).output == "5 2\n"
    assert CliRunner().invoke(command, ["--top-k", "1"]).output == "1 None\n"


def test_an_invalid_count_is_rejected() -> None:
    for given in ("0", "-1", "1.5", "many"):
        result = CliRunner().invoke(command, ["--workers", given])
        assert (result.exit_code, "--workers" in result.output) == (2, True)


def test_the_help_shows_a_default_if_there_is_one() -> None:
    text = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    assert "--top-k K Classes to show. [default: 5; x>=1]" in text
    assert "--workers N Threads [default: one per core]. [x>=1]" in text
