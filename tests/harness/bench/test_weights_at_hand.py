"""Networks whose published weights cannot be loaded leave a plan before anything is prepared for them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from harness.bench.weights_at_hand import causes_by_network, with_weights_at_hand, without

from .toy_bench import Bench

MORE = """

import os
import signal
from pathlib import Path
from zoo.errors import UnavailableWeightsError


def _check(options):
    if not Path(__file__).with_name("weights").exists():
        raise UnavailableWeightsError("no weights here", cause="no connection to X")


@hookimpl
def zoo_architectures():
    for name in ("remote", "distant"):
        yield Architecture(name=name, build=_build, native_size=8, has_pretrained=True, check_weights=_check)
    yield Architecture(name="local", build=_build, native_size=8, has_pretrained=True)


def _build(request):
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(request.in_channels * request.image_size**2, request.num_classes))
"""
HEADER = "from zoo import Architecture, hookimpl\n"


def _bench_of(bench: Bench) -> Bench:
    other = bench.folder / "nets.py"
    other.write_text(HEADER + MORE)
    bench.others.append(other)
    return bench


def _names(plan: Any) -> list[str]:
    return [spec.architecture.display_name for spec in plan.trials]


def test_such_networks_are_skipped_with_one_cause_and_others_stay(bench: Bench) -> None:
    plan = _bench_of(bench).plan("remote", "distant", "local", "linear", pretrained=True)
    assert plan.skips, "linear has no weights"
    left = with_weights_at_hand(plan, bench.store, bench.sources, bench.events.append)
    assert _names(left) == ["local"]
    new = left.skips[len(plan.skips) :]
    assert [skip.title for skip in new] == ["remote · shades · quick", "distant · shades · quick"]
    assert {skip.reason for skip in new} == {"published weights cannot be loaded: no connection to X"}


def test_weights_that_are_there_and_networks_that_start_from_random_ones_stay(bench: Bench) -> None:
    _bench_of(bench)
    random = bench.plan("remote", pretrained=False)
    assert with_weights_at_hand(random, bench.store, bench.sources, bench.events.append) is random
    assert bench.events == []
    (bench.folder / "weights").touch()
    plan = bench.plan("remote", pretrained=True)
    assert with_weights_at_hand(plan, bench.store, bench.sources, bench.events.append).trials == plan.trials


def test_finished_trials_are_reused_though_the_weights_are_gone(bench: Bench) -> None:
    weights = _bench_of(bench).folder / "weights"
    weights.touch()
    assert bench.run_one("remote", pretrained=True).outcome.value == "done"
    weights.unlink()
    damaged = bench.store.root / "other" / "record.json"
    damaged.parent.mkdir()
    damaged.write_text("{")
    plan = bench.plan("remote", "distant", pretrained=True)
    assert _names(with_weights_at_hand(plan, bench.store, bench.sources, bench.events.append)) == ["remote"]


class Jobs:
    """Tells that the weights of one network are absent."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def emit(self, event: object) -> None:
        pass

    def ask(self, kind: str, **values: Any) -> Any:
        names = [network["architecture"] for network in values["arguments"]["networks"]]
        self.asked.append(names)
        return ["gone" if name.endswith("remote") else "" for name in names]


def test_each_network_is_asked_for_once_whatever_the_seeds_and_recipes(bench: Bench, tmp_path: Path) -> None:
    jobs = Jobs()
    plan = _bench_of(bench).plan("remote", "local", pretrained=True, seeds=3)
    left = without(plan, causes_by_network(plan, jobs, {}), kept=set())
    assert [len(names) for names in jobs.asked] == [2]
    assert _names(left) == ["local"] * 3
    assert [skip.title for skip in left.skips] == ["remote · shades · quick"]


def test_ctrl_c_meanwhile_stops_the_bench(bench: Bench) -> None:
    """It was lost: the check ended, and the bench went on with networks whose weights are nowhere."""
    plan = _bench_of(bench).plan("remote", pretrained=True)
    with pytest.raises(KeyboardInterrupt):
        with_weights_at_hand(plan, bench.store, bench.sources, lambda _: os.kill(os.getpid(), signal.SIGINT))
