"""Completion: names of the catalog, without a word on the terminal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.shell_completion import CompletionItem, ShellComplete

from zoo.cli.group import COMMANDS, zoo

Complete = Callable[..., list[str]]


@pytest.fixture
def complete(write_plugin: Callable[..., str], shelf: str) -> Complete:
    """Complete the last of the words."""
    file = write_plugin(shelf, "shelf")

    def run(*words: str) -> list[str]:
        line = ["--no-plugins", "--plugin", file, *words[:-1]]
        found: list[CompletionItem] = ShellComplete(zoo, {}, "zoo", "_ZOO_COMPLETE").get_completions(line, words[-1])
        return [item.value for item in found]

    return run


def test_commands_are_completed_with_their_help(complete: Complete) -> None:
    assert complete("ex") == ["examples", "explain", "export"]
    assert set(COMMANDS) <= set(complete(""))


def test_names_are_completed_item_by_item(complete: Complete) -> None:
    assert complete("bench", "--models", "tiny_net,tiny_net1") == ["tiny_net,tiny_net110"]
    assert complete("bench", "--recipes", "qui") == ["quick"]
    assert complete("plan", "--data", "do") == ["dots", "double"]


def test_full_names_are_offered_after_a_slash(complete: Complete) -> None:
    assert complete("bench", "--models", "shelf/tiny_net2") == ["shelf/tiny_net20"]


def test_a_broken_plugin_does_not_affect_names(
    complete: Complete, write_plugin: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write_plugin("print('noise')\n1/0", "broken")
    assert complete("--plugin", broken, "show", "tiny_net1") == ["tiny_net110"]
    assert capsys.readouterr() == ("", "")


def test_options_are_completed(complete: Complete) -> None:
    assert complete("bench", "--limit-tr") == ["--limit-train"]
