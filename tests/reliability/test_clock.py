"""A clock that jumps, as it does on a machine that resumes or is set: no time, result or cleaning depends on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.records.history import read_history
from zoo.cli.commands.cache import _ago

DECADE = 10 * 365 * 86_400

JUMPS = """
import datetime, sys, time
from zoo import Listener, hookimpl

real, count = time.time, 0

def jumping():
    global count
    count += 1
    return real() + (-1) ** count * 315_360_000

class Jumping(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(jumping(), tz)

def listen(event):
    time.time = jumping
    for name, module in list(sys.modules.items()):
        if name.startswith(("harness.", "zoo.")) and getattr(module, "datetime", None) is datetime.datetime:
            module.datetime = Jumping

@hookimpl
def zoo_listeners():
    listen(None)
    yield Listener(name="clock", open=lambda folder: listen)
"""


def test_a_bench_ends_as_any_other_while_the_clock_jumps_by_decades(
    make_bench: Callable[..., Any], clean: dict[str, Any], resident: Any
) -> None:
    bench = make_bench()
    # It takes the place of the plugin with faults, which is in each process of the bench.
    (bench.folder / "faults.py").write_text(JUMPS)
    ended = bench.call(resident)
    assert (ended.code, ended.said) == (0, "")
    assert bench.content() == clean
    for folder, record in bench.store.records():
        assert 0 < record.training.seconds < 300
        times = [row["seconds"] for row in read_history(folder / "history.jsonl") if "seconds" in row]
        assert all(0 <= each < 300 for each in times)


def test_an_age_is_never_negative() -> None:
    assert _ago(-DECADE) == _ago(0.0)
