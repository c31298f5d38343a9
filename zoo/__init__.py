"""zoo: a model zoo and benchmarking harness for image classification.

The public names, for plugins and scripts:

=====================  ====================================================
``Architecture``       a network, built for a ``ModelRequest``
``Preprocessing``      the preprocessing of published weights
``Dataset``            a dataset: loads ``Splits`` for a ``DataRequest``
``Recipe``             a training recipe with ``Hyperparameters``
``Metric``             a metric computed from ``Predictions``
``Listener``           receives the events of a bench
``Executor``           runs trials on other machines (see :mod:`zoo.executor`)
``ReportFormat``       another format of the ranked table
``hookimpl``           marks a plugin's hooks (see :mod:`zoo.hookspecs`)
``build_catalog``      finds all plugins and their records
``rank``               ranks the results of earlier benches, as a table of pandas
``errors``             the exceptions, as a tree
=====================  ====================================================

They are imported on first use, so ``import zoo`` is cheap.

Each kind of record has a module of its name: ``architecture``, ``dataset``, ``recipe`` with ``hyperparameters``,
``metric``, ``listener`` with ``events``, ``executor``, ``report_format``, and ``options``, which several of them have.
The other modules:

=====================  ====================================================
finding plugins        ``hookspecs``, ``trust``, ``finding``, ``loading``, ``catalog``, ``dependencies``, ``scaffold``
calling plugins        ``calling``
files                  ``files``
words                  ``names``, ``text``, ``errors``
recipes                ``optimizers``
above the harness      ``api``, ``cli``, ``testing``
=====================  ====================================================
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zoo._version import __version__

if TYPE_CHECKING:
    from zoo import errors as errors
    from zoo.api import rank as rank
    from zoo.architecture import Architecture as Architecture
    from zoo.architecture import ModelRequest as ModelRequest
    from zoo.architecture import Preprocessing as Preprocessing
    from zoo.catalog import Catalog as Catalog
    from zoo.dataset import DataRequest as DataRequest
    from zoo.dataset import Dataset as Dataset
    from zoo.dataset import Split as Split
    from zoo.dataset import Splits as Splits
    from zoo.executor import Executor as Executor
    from zoo.hookspecs import hookimpl as hookimpl
    from zoo.hyperparameters import Hyperparameters as Hyperparameters
    from zoo.listener import Listener as Listener
    from zoo.loading import build_catalog as build_catalog
    from zoo.metric import Metric as Metric
    from zoo.metric import Predictions as Predictions
    from zoo.recipe import Recipe as Recipe
    from zoo.report_format import ReportFormat as ReportFormat

_HOME = {
    "Architecture": "zoo.architecture",
    "Catalog": "zoo.catalog",
    "DataRequest": "zoo.dataset",
    "Dataset": "zoo.dataset",
    "Executor": "zoo.executor",
    "Hyperparameters": "zoo.hyperparameters",
    "Listener": "zoo.listener",
    "Metric": "zoo.metric",
    "ModelRequest": "zoo.architecture",
    "Predictions": "zoo.metric",
    "Preprocessing": "zoo.architecture",
    "Recipe": "zoo.recipe",
    "ReportFormat": "zoo.report_format",
    "Split": "zoo.dataset",
    "Splits": "zoo.dataset",
    "build_catalog": "zoo.loading",
    "rank": "zoo.api",
    "hookimpl": "zoo.hookspecs",
}

__all__ = ["__version__", "errors", *_HOME]  # noqa: PLE0604 - the names are strings


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name == "errors":
        return importlib.import_module("zoo.errors")
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
