"""The public names: ``zoo.__all__`` is a promise, each name of it exists, and importing zoo costs nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys

import zoo

PROMISED = {
    "__version__", "errors",
    # what a plugin yields and gets
    "Architecture", "ClassHierarchy", "ClassList", "DataRequest", "Dataset", "Executor", "FeatureHyperparameters",
    "FeatureSet", "Head", "Hyperparameters", "Listener", "Metric", "ModelRequest", "Predictions", "Preparation",
    "PublishedFigure", "PublishedHead", "Recipe", "ReportFormat", "Runtime", "RuntimeRequest", "Split", "Splits",
    "TrainingContext", "hookimpl",
    # what a script or a notebook calls and gets
    "BenchPlan", "BenchResult", "Catalog", "Ranking", "add", "bench", "build_catalog", "create_model", "diff",
    "ensemble", "evaluate", "export", "find_lr", "keep_images", "list_datasets", "list_models", "list_recipes",
    "load_classifier", "load_dataset", "plan", "rank",
}  # fmt: skip
"""A name that leaves this set breaks plugins and notebooks: it needs a line in the changelog."""


def test_the_public_names_are_those_that_are_promised() -> None:
    assert set(zoo.__all__) == PROMISED
    assert len(zoo.__all__) == len(PROMISED)


def test_each_public_name_exists_and_is_documented() -> None:
    for name in PROMISED - {"__version__", "hookimpl"}:
        assert inspect.getdoc(getattr(zoo, name)), name
        assert name in dir(zoo)


def test_importing_zoo_loads_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "pandas", "pydantic", "click")
    code = f"import sys, zoo; sys.exit(', '.join(set(sys.modules) & set({heavy!r})) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_all_errors_are_one_tree() -> None:
    classes = [value for value in vars(zoo.errors).values() if inspect.isclass(value) and issubclass(value, Exception)]
    assert [each for each in classes if not issubclass(each, zoo.errors.ZooError)] == []
