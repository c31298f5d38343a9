"""The flow of a bench: what is left out is told, and an empty plan is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.bench.bench import BenchSummary
from zoo.api.benching import form_of
from zoo.api.plugin_choice import PluginChoice
from zoo.api.running.flow import BenchOutcome, refuse_empty
from zoo.errors import UsageError


def test_a_plan_of_skips_only_is_refused_with_the_reasons(write_plugin: Callable[..., str], shelf: str) -> None:
    form, errors = form_of({"models": "big_net", "data": "dots", "recipes": "quick"}, out="runs")
    choice = PluginChoice(files=[write_plugin(shelf)], installed=False)
    with pytest.raises(UsageError, match="nothing to run: big_net · dots · quick: the network takes images"):
        refuse_empty(form.read(choice.catalog(), choice.sources(), errors=errors))


@pytest.mark.parametrize("interrupted", [True, False])
def test_an_outcome_tells_whether_it_was_interrupted(interrupted: bool) -> None:
    summary = BenchSummary(records=(), counts={}, interrupted=interrupted)
    outcome = BenchOutcome(summary=summary, trials=(), runtimes=None, problems=(), stopped="")
    assert outcome.is_interrupted is interrupted
