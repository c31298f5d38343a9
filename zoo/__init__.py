"""zoo: a model zoo and benchmarking harness for image classification.

The public names, for plugins and scripts:

=====================  ====================================================
``Architecture``       a network, built for a ``ModelRequest``
``Preparation``        what an image becomes before a network sees it
``PublishedHead``      the classes of published weights (a ``ClassList``), with each ``PublishedFigure``
``Dataset``            a dataset: loads ``Splits`` for a ``DataRequest``, perhaps with a ``ClassHierarchy``
``Recipe``             a training recipe with ``Hyperparameters``
``FeatureSet``         what a recipe on features is given; it returns a ``Head``, and has ``FeatureHyperparameters``
``TrainingContext``    what a recipe's own training step is given
``Metric``             a metric computed from ``Predictions``
``Listener``           receives the events of a bench
``Executor``           runs trials on other machines (see :mod:`zoo.executor`)
``Runtime``            runs trained weights, for a ``RuntimeRequest``
``ReportFormat``       another format of the ranked table
``hookimpl``           marks a plugin's hooks (see :mod:`zoo.hookspecs`)
``build_catalog``      finds all plugins and their records
``bench``              trains, tests and ranks models: ``zoo bench`` from Python, with a ``BenchResult``
``plan``               tells what a bench would run: ``zoo plan`` from Python, with a ``BenchPlan``
``add``                ranks predictions that were made elsewhere: ``zoo add`` from Python
``evaluate``           tests classifiers that exist, without training: ``zoo eval`` from Python
``find_lr``            suggests learning rates: ``zoo plan --lr-find`` from Python
``export``             writes a trained network for other tools: ``zoo export`` from Python
``ensemble``           averages trained networks, and ranks the result
``rank``               ranks the results of earlier benches: a ``Ranking``
``diff``               compares two sets of results
``create_model``       a network by name
``load_dataset``       the images of a dataset by name
``keep_images``        keeps images in memory as a dataset with a name
``load_classifier``    a trained network that predicts and embeds
``list_models``        names, as ``list_datasets`` and ``list_recipes``
``errors``             the exceptions, as a tree
=====================  ====================================================

They are imported on first use, so ``import zoo`` is cheap.

Each kind of record has a module of its name: ``architecture``, ``dataset``, ``recipe`` with ``hyperparameters``,
``training_context`` and ``features``, ``metric``, ``listener`` with ``events``, ``executor``, ``runtime``,
``report_format``, and ``preparation``, ``pretraining``, ``published``, ``class_list``, ``hierarchy``, ``options`` and
``space``, which several of them have.
The other modules:

=====================  ====================================================
finding plugins        ``hookspecs``, ``trust``, ``finding``, ``siblings``, ``loading``, ``catalog``,
                       ``dependencies``, ``scaffold``
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
    from zoo.api.adding import add as add
    from zoo.api.benching import BenchResult as BenchResult
    from zoo.api.benching import bench as bench
    from zoo.api.benching import plan as plan
    from zoo.api.creating import create_model as create_model
    from zoo.api.creating import list_datasets as list_datasets
    from zoo.api.creating import list_models as list_models
    from zoo.api.creating import list_recipes as list_recipes
    from zoo.api.creating import load_classifier as load_classifier
    from zoo.api.creating import load_dataset as load_dataset
    from zoo.api.differences import diff as diff
    from zoo.api.ensembling import ensemble as ensemble
    from zoo.api.evaluating import evaluate as evaluate
    from zoo.api.exporting import export as export
    from zoo.api.given.images import keep_images as keep_images
    from zoo.api.lr_finding import find_lr as find_lr
    from zoo.api.ranking import Ranking as Ranking
    from zoo.api.ranking import rank as rank
    from zoo.api.running.planning import BenchPlan as BenchPlan
    from zoo.architecture import Architecture as Architecture
    from zoo.architecture import ModelRequest as ModelRequest
    from zoo.catalog import Catalog as Catalog
    from zoo.class_list import ClassList as ClassList
    from zoo.dataset import DataRequest as DataRequest
    from zoo.dataset import Dataset as Dataset
    from zoo.dataset import Split as Split
    from zoo.dataset import Splits as Splits
    from zoo.executor import Executor as Executor
    from zoo.features import FeatureSet as FeatureSet
    from zoo.features import Head as Head
    from zoo.hierarchy import ClassHierarchy as ClassHierarchy
    from zoo.hookspecs import hookimpl as hookimpl
    from zoo.hyperparameters import FeatureHyperparameters as FeatureHyperparameters
    from zoo.hyperparameters import Hyperparameters as Hyperparameters
    from zoo.listener import Listener as Listener
    from zoo.loading import build_catalog as build_catalog
    from zoo.metric import Metric as Metric
    from zoo.metric import Predictions as Predictions
    from zoo.preparation import Preparation as Preparation
    from zoo.published import PublishedFigure as PublishedFigure
    from zoo.published import PublishedHead as PublishedHead
    from zoo.recipe import Recipe as Recipe
    from zoo.report_format import ReportFormat as ReportFormat
    from zoo.runtime import Runtime as Runtime
    from zoo.runtime import RuntimeRequest as RuntimeRequest
    from zoo.training_context import TrainingContext as TrainingContext

_HOME = {
    "Architecture": "zoo.architecture",
    "BenchPlan": "zoo.api.running.planning",
    "BenchResult": "zoo.api.benching",
    "Catalog": "zoo.catalog",
    "ClassHierarchy": "zoo.hierarchy",
    "ClassList": "zoo.class_list",
    "DataRequest": "zoo.dataset",
    "Dataset": "zoo.dataset",
    "Executor": "zoo.executor",
    "FeatureHyperparameters": "zoo.hyperparameters",
    "FeatureSet": "zoo.features",
    "Head": "zoo.features",
    "Hyperparameters": "zoo.hyperparameters",
    "Listener": "zoo.listener",
    "Metric": "zoo.metric",
    "ModelRequest": "zoo.architecture",
    "Predictions": "zoo.metric",
    "Preparation": "zoo.preparation",
    "PublishedFigure": "zoo.published",
    "PublishedHead": "zoo.published",
    "Ranking": "zoo.api.ranking",
    "Recipe": "zoo.recipe",
    "ReportFormat": "zoo.report_format",
    "Runtime": "zoo.runtime",
    "RuntimeRequest": "zoo.runtime",
    "Split": "zoo.dataset",
    "Splits": "zoo.dataset",
    "TrainingContext": "zoo.training_context",
    "add": "zoo.api.adding",
    "bench": "zoo.api.benching",
    "build_catalog": "zoo.loading",
    "create_model": "zoo.api.creating",
    "diff": "zoo.api.differences",
    "evaluate": "zoo.api.evaluating",
    "ensemble": "zoo.api.ensembling",
    "export": "zoo.api.exporting",
    "find_lr": "zoo.api.lr_finding",
    "hookimpl": "zoo.hookspecs",
    "keep_images": "zoo.api.given.images",
    "list_datasets": "zoo.api.creating",
    "list_models": "zoo.api.creating",
    "list_recipes": "zoo.api.creating",
    "load_classifier": "zoo.api.creating",
    "load_dataset": "zoo.api.creating",
    "plan": "zoo.api.benching",
    "rank": "zoo.api.ranking",
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
