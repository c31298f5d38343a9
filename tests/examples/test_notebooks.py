"""The example notebooks run from the first cell to the last, and Ctrl-C in a kernel stops as in a terminal."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "examples" / "notebooks"
WAIT = 240


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="the environment notebooks has it")
    nbclient = pytest.importorskip("nbclient", reason="the environment notebooks has it")
    pytest.importorskip("ipykernel", reason="the environment notebooks has it")
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=WAIT, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [output.data for cell in cells for output in cell.outputs if output.output_type == "execute_result"]
    assert any("text/html" in data and "<table" in data["text/html"] for data in shown)
    if path.stem == "first_bench":
        assert sum("image/png" in data for data in shown) == 2
        assert (tmp_path / "site" / "index.html").is_file()
    if path.stem == "served_classifier":
        here, there = _answers(cells)
        assert there == pytest.approx(here, abs=1e-5)
        assert 0.1 < here[0] <= 1
        assert cells[-1].outputs[0].data["text/plain"] == "0"


def _answers(cells: list[Any]) -> tuple[list[float], list[float]]:
    """Return the probabilities that the notebook got in its own process and over HTTP, of the same classes."""
    import re

    (page,) = [output.data["text/html"] for output in cells[-2].outputs if output.output_type == "execute_result"]
    names = re.findall(r"<th>(\w+)</th>", page.partition("<tbody>")[0])
    texts = re.findall(r"<td>(.*?)</td>", page)
    rows = [
        dict(zip(names, texts[start : start + len(names)], strict=True)) for start in range(0, len(texts), len(names))
    ]
    assert [row["class_1"] for row in rows] == [row["served"] for row in rows] != []
    return [float(row["probability_1"]) for row in rows], [float(row["served_probability"]) for row in rows]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs_and_uses_public_names(path: Path) -> None:
    import zoo

    notebook = json.loads(path.read_text("utf-8"))
    for cell in notebook["cells"]:
        assert cell.get("outputs", []) == []
        for word in "".join(cell["source"]).replace("(", " ").replace(",", " ").split():
            if word.startswith("zoo.") and word[4:].isidentifier():
                assert word[4:] in zoo.__all__, word


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Any]:
    """A kernel in an empty folder, with its client."""
    manager_module = pytest.importorskip("jupyter_client.manager", reason="the environment notebooks has it")
    pytest.importorskip("ipykernel", reason="the environment notebooks has it")
    manager, client = manager_module.start_new_kernel(
        kernel_name="python3", cwd=str(tmp_path), env={**os.environ, "ZOO_CACHE": str(tmp_path / "cache")}
    )
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.slow
def test_an_interrupted_cell_continues_when_it_is_run_again(kernel: Any, tmp_path: Path) -> None:
    manager, client = kernel
    cell = (
        "import zoo\n"
        "result = zoo.bench('linear,lenet5', 'digits', seeds=1, epochs=200, device='cpu', measure_seconds=0, jobs=1)\n"
        "sorted(record.attempts for record in result.records)"
    )
    client.execute(cell)
    runs, deadline = tmp_path / "runs", time.monotonic() + WAIT
    while not list(runs.glob("*linear*/record.json")) or not _epochs(runs, "lenet5"):
        assert time.monotonic() < deadline, "the second trial did not begin"
        time.sleep(0.05)
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=WAIT)["content"]
    assert (reply["status"], reply["ename"]) == ("error", "KeyboardInterrupt")
    assert "run the same call again to continue" in reply["evalue"]
    (first,) = [json.loads(path.read_text()) for path in runs.glob("*linear*/record.json")]
    (stopped,) = [json.loads(path.read_text()) for path in runs.glob("*lenet5*/record.json")]
    assert (first["outcome"], stopped["outcome"]) == ("done", "interrupted")

    reply = client.execute_interactive(cell, timeout=WAIT, output_hook=(outputs := []).append)["content"]
    assert reply["status"] == "ok", reply
    results = [each["content"]["data"]["text/plain"] for each in outputs if each["msg_type"] == "execute_result"]
    assert results == ["[1, 2]"]
    (again,) = [json.loads(path.read_text()) for path in runs.glob("*linear*/record.json")]
    assert again == first


def _epochs(runs: Path, model: str) -> int:
    """Return how many epochs the trial of a model has finished."""
    return sum(path.read_text().count('"event":"epoch"') or path.read_text().count('"event": "epoch"')
               for path in runs.glob(f"*{model}*/history.jsonl"))  # fmt: skip
