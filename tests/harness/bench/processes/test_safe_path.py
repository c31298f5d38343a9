"""The working folder decides nothing: a file or folder there that is called like a library is never imported.

Users of timm and torchvision run benches from a folder that holds a clone of either, or scripts called random.py and
json.py; the interpreter looks there first when it is started with -c, as a fork server is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.bench.processes.fork_server import safe_path

BENCH = ["bench", "--models", "linear", "--data", "digits", "--seeds", "1", "--epochs", "1", "--measure-seconds", "0"]
RAISES = "raise RuntimeError('imported from the working folder')\n"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    main = Path(sys.executable).with_name("zoo")
    return subprocess.run(
        [str(main), *BENCH, "--limit-train", "100", "--out", "runs", "--quiet", *options],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=280,
    )  # fmt: skip


def test_files_called_like_libraries_are_not_imported(tmp_path: Path) -> None:
    names = ["torch.py", "random.py", "grp.py", "json.py", "numpy.py", "timm/__init__.py", "zoo/__init__.py"]
    for name in names:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(RAISES)
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = (json.loads(path.read_bytes()) for path in (tmp_path / "runs").glob("*/record.json"))
    assert record["outcome"] == "done"


def test_the_path_is_safe_while_a_process_starts_and_as_before_afterwards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    before = [str(tmp_path), "", "/lib", str(tmp_path)]
    monkeypatch.setattr(sys, "path", before.copy())
    with safe_path():
        inside, variable = list(sys.path), os.environ["PYTHONSAFEPATH"]
    assert variable == "1"
    # What stands further behind was put there by somebody: a folder in development mode, or PYTHONPATH.
    assert inside == (before[0:1] if sys.flags.safe_path else []) + ["/lib", str(tmp_path)]
    assert sys.path == before
    assert "PYTHONSAFEPATH" not in os.environ
    assert "ZOO_UNSET" not in os.environ


def test_a_fork_server_that_cannot_import_torch_is_an_error_with_its_cause(tmp_path: Path) -> None:
    """An EOFError was taken for Ctrl-C: "interrupted", exit code 130."""
    broken = tmp_path / "broken" / "torch"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('libcudart.so.13: cannot open shared object file')\n")
    code = "import sys; sys.argv[0] = 'zoo'\nif __name__ == '__main__':\n    from zoo.cli import main; main()"
    (tmp_path / "main.py").write_text(code)
    path = os.pathsep.join([str(tmp_path / "broken"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "main.py"), *BENCH, "--out", "runs"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode not in (0, 70, 130), done.stderr
    assert "libcudart.so.13" in done.stderr
    assert "interrupted" not in done.stderr
