"""The call: a command line of ``zoo bench`` is parsed once, and its mistakes are reported together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from zoo.cli.commands.bench import command
from zoo.cli.options.bench_call import BenchCall
from zoo.cli.session import Session
from zoo.errors import ManyErrors

BASE = ("--models", "tiny_net", "--data", "dots", "--recipes", "quick")


@pytest.fixture
def parse(write_plugin: Callable[..., str], shelf: str) -> Callable[..., BenchCall]:
    session = Session(plugin_files=[write_plugin(shelf, "shelf")], entry_points=False)

    def run(*args: str) -> BenchCall:
        context: click.Context = command.make_context("bench", [*BASE, *args], obj=session)
        params: dict[str, Any] = context.params
        return BenchCall.parse(session, params)

    return run


def test_a_call_has_all_requested_options(parse: Callable[..., BenchCall], tmp_path: Path) -> None:
    call = parse(
        "-o", str(tmp_path), "--timeout", "90", "--cache-limit", "1GB", "--offline", "--retry", "--jobs", "2",
        "--listen", "ear", "--sort-by", "luck", "-q",
    )  # fmt: skip
    assert (call.store, call.quiet, call.dry_run, call.table.sort_by) == (tmp_path, True, False, "luck")
    assert (call.order.settings.limits.timeout, call.order.settings.limits.retry, call.order.settings.slots.jobs) == (
        90.0,
        True,
        2,
    )
    assert (call.order.settings.data.cache_limit, call.order.settings.data.download) == (10**9, False)
    assert [entry.display_name for entry in call.order.listeners] == ["ear"]
    assert call.chosen.plan.trials[0].title == "tiny_net · dots · quick · seed 0"
    assert not call.chosen.is_default


def test_every_mistake_is_reported_at_once(parse: Callable[..., BenchCall], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ManyErrors) as caught:
        parse(
            "-o", str(tmp_path / "file"), "--timeout", "-1", "--cache-limit", "much", "--jobs", "0", "--seeds", "none",
            "--listen", "eer", "--sort-by", "lack", "--executor", "raay",
        )  # fmt: skip
    told = str(caught.value)
    for words in ("--out", "--timeout", "--cache-limit", "--jobs", "seeds", "'eer'", "'lack'", "'raay'"):
        assert words in told
    assert len(caught.value.errors) == 8


@pytest.mark.parametrize(("title", "key"), [("acc %", "accuracy"), ("Acc", "accuracy"), ("params", "params")])
def test_a_title_stands_for_its_column(parse: Callable[..., BenchCall], title: str, key: str) -> None:
    assert parse("--columns", f"model,{title}").table.columns == ("model", key)
