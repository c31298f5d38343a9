"""The scaffold: what it writes is a plugin as it is written, under any name, and nothing is written over."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from zoo.errors import StoreError, UsageError
from zoo.loading import Sources, build_catalog
from zoo.scaffold import module_name, write_plugin


@pytest.mark.parametrize(("name", "module"), [("my-models", "my_models"), ("nets2", "nets2"), ("a-1-b", "a_1_b")])
def test_a_distributions_name_gives_the_name_of_its_module(name: str, module: str) -> None:
    assert module_name(name) == module


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("My_Models", "such as my-models"),
        ("../../x", "such as x"),
        ("-x", "such as x"),
        ("2nets", "such as nets"),
        ("a--b", "such as a-b"),
        ("nül", "such as n-l"),
        ("", "expected up to 60"),
        ("a\n", "expected up to 60"),
        ("a" * 61, "expected up to 60"),
        ("class", "a Python keyword"),
        ("match", "a Python keyword"),
        ("json", "Python has a module called json"),
        ("plugins", "zoo has a module called plugins"),
        ("zoo", "zoo has a module called zoo"),
        ("timm", None),
        ("sklearn", "scikit-learn has a module called sklearn"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_its_reason(name: str, cause: str | None) -> None:
    if cause is None:  # the distribution itself is called so: it may be scaffolded, on a machine that has it
        assert module_name(name) == name
        return
    with pytest.raises(UsageError, match=re.escape(cause)):
        module_name(name)


def test_a_suggested_name_is_one_that_is_taken() -> None:
    for name in ("My Models!", "9__Lives", "x" * 80 + "-"):
        with pytest.raises(UsageError) as caught:
            module_name(name)
        suggested = str(caught.value).rpartition("such as ")[2]
        assert module_name(suggested)


def test_the_scaffold_is_a_complete_plugin_for_the_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_plugin("shelf-nets", tmp_path)
    monkeypatch.syspath_prepend(folder / "src")
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    points = project["project"]["entry-points"]["zoo"]
    assert points == {"shelf-nets": "shelf_nets.plugin"}
    info = tmp_path / "site" / "shelf_nets-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf-nets\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[zoo]\nshelf-nets = shelf_nets.plugin\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("ZOO_PLUGINS", "shelf-nets")
    catalog = build_catalog(Sources(builtin=False, strict=True))
    assert catalog.architectures.get("shelf_nets_net").full_name == "shelf-nets/shelf_nets_net"
    assert catalog.recipes.get("shelf_nets_quick").record.hyperparameters().epochs == 10
    assert catalog.recipes.get("shelf_nets_mirrored").record.training_step is not None
    mixed = catalog.recipes.get("shelf_nets_mixed").record
    assert None not in (mixed.augment, mixed.make_optimizer, mixed.on_epoch_start)
    assert catalog.metrics.get("shelf_nets_group_accuracy").record.needs == ("hierarchy",)
    assert catalog.listeners.get("shelf_nets_diary").record.open(tmp_path)
    assert catalog.report_formats.get("shelf_nets_titles").record.suffix == ".txt"
    assert "shelf-nets-diary" in catalog.commands
    assert catalog.runtimes.get("shelf_nets_double").record.where == "cpu"
    assert catalog.metrics.get("shelf_nets_worst_recall").record.known_cases
    import zoo

    splits = catalog.datasets.get("shelf_nets_shapes").record.load(zoo.DataRequest(root=tmp_path))
    assert (len(splits.train), len(splits.test or ())) == (600, 300)
    assert splits.hierarchy is not None


def test_every_python_file_compiles_and_no_template_is_left(tmp_path: Path) -> None:
    folder = write_plugin("shelf-nets", tmp_path)
    sources = list(folder.rglob("*.py"))
    assert len(sources) == 6
    for path in sources:
        compile(path.read_text(), path, "exec")
    for path in folder.rglob("*"):
        if path.is_file():
            assert not re.search(r"\{%|\{\{ (?!matrix)|jinja", path.read_text()), path


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "nets").mkdir()
    with pytest.raises(UsageError, match="already exists; choose another name"):
        write_plugin("nets", tmp_path)
    (tmp_path / "dangling").symlink_to(tmp_path / "absent")
    with pytest.raises(UsageError, match="already exists"):
        write_plugin("dangling", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "nets"]


def test_a_folder_that_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        write_plugin("nets", tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.slow
def test_in_a_fresh_environment_its_own_tests_pass_as_it_was_written(tmp_path: Path) -> None:
    """Installed as a stranger would, but for what this environment has: torch, pytest and zoo are not fetched anew."""
    folder = write_plugin("shelf-nets", tmp_path)
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True, timeout=120)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    scheme = sysconfig.get_preferred_scheme("prefix")
    site = Path(sysconfig.get_path("purelib", scheme, {"base": str(environment), "platbase": str(environment)}))
    (site / "parent.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")

    def run(*args: str) -> str:
        done = subprocess.run(
            [python, *args], capture_output=True, cwd=folder, encoding="utf-8", timeout=300,
            env={**os.environ, "ZOO_CACHE": str(tmp_path / "cache"), "PIP_NO_INDEX": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    zoo = ("-c", "from zoo.cli import main; main()")
    run("-m", "pip", "install", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", ".")
    assert re.search(r"architectures +shelf-nets/shelf_nets_net", run(*zoo, "plugins", "shelf-nets"))
    shown = run("-m", "pytest", "-p", "no:cacheprovider")
    assert " passed" in shown
    assert "failed" not in shown
    run(*zoo, "bench", "--models", "shelf_nets_net", "--data", "shelf_nets_shapes",
        "--recipes", "shelf_nets_quick,shelf_nets_mixed", "--listen", "shelf_nets_diary",
        "--runtimes", "eager,shelf_nets_double",
        "--seeds", "1", "--epochs", "2", "--measure-seconds", "0")  # fmt: skip
    rows = list(csv.DictReader((folder / "runs" / "leaderboard.csv").read_text().splitlines()))
    assert {"shelf_nets_worst_recall", "shelf_nets_group_accuracy"} <= set(rows[0])
    assert len((folder / "runs" / "diary.txt").read_text().splitlines()) == 2
    assert run(*zoo, "shelf-nets-diary", "runs") == (folder / "runs" / "diary.txt").read_text()
    assert sorted(row["runtime"] for row in rows) == ["eager", "eager", "shelf_nets_double", "shelf_nets_double"]
