"""Leaving: no plugin keeps a finished command alive, and none ends it without a word."""

from __future__ import annotations

import os
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Done = subprocess.CompletedProcess[str]

METRIC = """
    from zoo import Metric, hookimpl

    @hookimpl
    def zoo_metrics():
        yield Metric(name="luck", compute=lambda predictions: 0.5)
"""


def _install(folder: Path, code: str) -> dict[str, str]:
    """Lay out an installed plugin called ``odd``, and return the variables with which it is found."""
    info = folder / "zoo_odd-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-odd\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[zoo]\nodd = zoo_odd\n")
    (folder / "zoo_odd.py").write_text(textwrap.dedent(METRIC) + textwrap.dedent(code))
    return {"PYTHONPATH": str(folder)}


@pytest.fixture
def installed(tmp_path: Path, zoo_script: Path) -> Callable[[str], Callable[..., Done]]:
    """Install a plugin of that code beside what is on the path, and return a function that runs ``zoo`` with it."""

    def install(code: str) -> Callable[..., Done]:
        found = _install(tmp_path / "site", code)
        found["PYTHONPATH"] = os.pathsep.join(filter(None, [found["PYTHONPATH"], os.environ.get("PYTHONPATH", "")]))

        def run(*args: str) -> Done:
            return subprocess.run(
                [zoo_script, *args], capture_output=True, text=True, timeout=280, env={**os.environ, **found}
            )

        return run

    return install


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import os; os._exit(0)", "it called os._exit(0) while loading"),
        ("raise KeyboardInterrupt", "it raised KeyboardInterrupt while loading"),
    ],
)
def test_an_import_that_would_end_zoo_costs_the_plugin_only(installed: Any, code: str, cause: str) -> None:
    done = installed(code)("list", "metrics")
    assert done.returncode == 0
    assert "accuracy\n" in done.stdout
    assert f"plugin 'odd' is broken and left out: {cause}" in done.stderr


def test_a_plugin_that_crashed_at_import_is_set_aside_until_it_is_tried_again(installed: Any, tmp_path: Path) -> None:
    zoo = installed("import os, pathlib\nif not pathlib.Path(__file__).with_name('ok').exists(): os.abort()")
    assert zoo("list", "metrics").returncode == -6
    done = zoo("list", "metrics")
    assert done.returncode == 0
    assert "accuracy\n" in done.stdout
    assert "luck" not in done.stdout
    assert "plugin 'odd' is broken and left out: it is set aside because zoo ended without a word while importing" in (
        done.stderr
    )
    assert "zoo plugins --retry odd uses it again" in done.stderr
    listed = zoo("plugins", "--no-import").stdout
    assert ["odd", "set", "aside"] in [line.split()[:3] for line in listed.splitlines()]
    assert "odd is set aside: zoo ended without a word" in listed
    (tmp_path / "site" / "ok").touch()
    assert "luck" not in zoo("list", "metrics").stdout
    assert "state         loaded" in zoo("plugins", "--retry", "odd").stdout
    assert "luck\n" in zoo("list", "metrics").stdout


@pytest.mark.slow
def test_a_command_that_a_plugin_would_keep_alive_ends_and_says_why(installed: Any) -> None:
    code = "import threading, time; threading.Thread(target=time.sleep, args=(3600,), name='tracker').start()"
    done = installed(code)("list", "metrics")
    assert done.returncode == 0
    assert "luck\n" in done.stdout
    assert done.stderr == "zoo: the thread 'tracker' of a plugin kept the process alive for 10 s, and was ended\n"
