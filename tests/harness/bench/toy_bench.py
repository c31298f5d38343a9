"""Benches of a toy plugin."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from harness.bench.bench import BenchSummary, run_bench
from harness.bench.settings import BenchSettings, RunLimits
from harness.bench.slots import SlotRequest
from harness.data.settings import DataSettings
from harness.planning.plan import Plan, make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.records.record import Record
from harness.records.store import Store
from zoo.events import Event
from zoo.loading import Sources, build_catalog

PLUGIN = Path(__file__).with_name("toys.py").read_text()


class Bench:
    """Runs benches of the toy plugin and keeps their events."""

    def __init__(self, folder: Path, plugin: str = PLUGIN) -> None:
        self.folder = folder
        self.plugin = folder / "toys.py"
        self.plugin.write_text(plugin)
        self.others: list[Path] = []
        self.store = Store(folder / "runs")
        self.events: list[Event] = []
        self._started: list[subprocess.Popen[Any]] = []

    @property
    def sources(self) -> Sources:
        """Where to load the toy plugin from, and others that a test adds."""
        return Sources(
            files=tuple(map(str, (self.plugin, *self.others))), builtin=False, entry_points=False, strict=True
        )

    def plan(self, *models: str, **changes: object) -> Plan:
        """Plan the models on the toy data, one seed unless changed."""
        toys = {"data": ["shades"], "recipes": ["quick"], "seeds": 1, "measure_seconds": 0}
        request = BenchRequest.model_validate({"models": models, **toys, **changes})
        return make_plan(select(request, build_catalog(self.sources)))

    def run(
        self,
        *models: str,
        data: str = "shades",
        timeout: float | None = None,
        retry: bool = False,
        jobs: int | None = None,
        **changes: object,
    ) -> BenchSummary:
        """Run the models on the toy data, one seed unless changed."""
        self.events.clear()
        return run_bench(
            self.plan(*models, data=[data], **changes),
            store=self.store,
            sources=self.sources,
            emit=self.events.append,
            settings=BenchSettings(
                data=DataSettings(data_root=self.folder / "data", cache=self.folder / "cache"),
                limits=RunLimits(timeout=timeout, retry=retry),
                slots=SlotRequest(jobs=jobs),
            ),
        )

    def run_one(self, model: str, **changes: object) -> Record:
        """Run one trial and return its record."""
        (record,) = self.run(model, **changes).records  # type: ignore[arg-type]
        return record

    def beside(self, name: str) -> Bench:
        """Return another bench, which shares nothing with this one."""
        folder = self.folder / name
        folder.mkdir()
        return Bench(folder)

    def script(self, code: str) -> list[str]:
        """Return a command that runs *code* in a fresh interpreter, where this bench is called ``bench``."""
        path = self.folder / "script.py"
        path.write_text(
            f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from toy_bench import PLUGIN, Bench
if __name__ == "__main__":
    bench = Bench(Path({str(self.folder)!r}))
"""
            + textwrap.indent(code, "    ")
        )
        return [sys.executable, str(path)]

    def start(self, code: str, **options: Any) -> subprocess.Popen[Any]:
        """Start *code* in a fresh interpreter, which runs until :meth:`end` at the latest."""
        process = subprocess.Popen(self.script(code), **options)
        self._started.append(process)
        return process

    def end(self) -> None:
        """End what a test that failed left running: it would take the cores from the tests that follow."""
        for process in self._started:
            with process:
                process.kill()
