"""Code that is edited while a bench runs: no record may name other code than ran."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLUGIN = """
from pathlib import Path
from zoo import Architecture, hookimpl

WIDTH = 1

def build(request):
    from torch import nn
    file = Path({file!r})
    file.write_text(file.read_text().replace("WIDTH = 1" + chr(10), "WIDTH = 2" + chr(10)))  # as its author would
    width = WIDTH * request.num_classes
    pixels = request.in_channels * request.image_size**2
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, width), nn.Linear(width, request.num_classes))

@hookimpl
def zoo_architectures():
    yield Architecture(name="one", build=build, native_size=32)
"""


def test_a_trial_after_an_edit_fails_and_the_next_bench_runs_the_new_code(
    call_zoo: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN.format(file=str(file)))
    command = "bench --plugin mine.py --models one --data digits --epochs 1 --seeds 2 --jobs 1 --measure-seconds 0 -q"
    done = call_zoo(*command.split())
    assert done.exit_code == 1
    assert "the code of one was edited while the bench ran (module mine.py)" in done.stderr
    assert sizes(tmp_path) == {("done", 760), ("failed", None)}
    assert call_zoo(*command.split()).exit_code == 0
    assert sizes(tmp_path) == {("done", 760), ("failed", None), ("done", 1510)}


def sizes(folder: Path) -> set[tuple[str, int | None]]:
    """Return the outcome and the parameters of each trial."""
    records = [json.loads(path.read_text()) for path in folder.glob("runs/*/record.json")]
    return {(each["outcome"], (each["model"] or {}).get("params")) for each in records}
