"""Hook specifications: the whole plugin interface. A plugin implements any of these and yields frozen records.

::

    from zoo import Architecture, hookimpl

    @hookimpl
    def zoo_architectures():
        yield Architecture(name="my_net", build=build_my_net)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from zoo.architecture import Architecture
    from zoo.dataset import Dataset
    from zoo.executor import Executor
    from zoo.listener import Listener
    from zoo.metric import Metric
    from zoo.recipe import Recipe
    from zoo.report_format import ReportFormat
    from zoo.runtime import Runtime

PROJECT = "zoo"  # the pluggy project, and the group of entry points

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def zoo_architectures() -> Iterable[Architecture]:  # type: ignore[empty-body]
    """Yield networks that can be selected with ``--models``."""


@hookspec
def zoo_datasets() -> Iterable[Dataset]:  # type: ignore[empty-body]
    """Yield datasets that can be selected with ``--data``."""


@hookspec
def zoo_recipes() -> Iterable[Recipe]:  # type: ignore[empty-body]
    """Yield training recipes that can be selected with ``--recipes``."""


@hookspec
def zoo_metrics() -> Iterable[Metric]:  # type: ignore[empty-body]
    """Yield metrics, which are computed for every trial."""


@hookspec
def zoo_listeners() -> Iterable[Listener]:  # type: ignore[empty-body]
    """Yield listeners that can be enabled with ``--listen``."""


@hookspec
def zoo_executors() -> Iterable[Executor]:  # type: ignore[empty-body]
    """Yield executors, which run trials on other machines and are selected with ``--executor``."""


@hookspec
def zoo_runtimes() -> Iterable[Runtime]:  # type: ignore[empty-body]
    """Yield runtimes, which run trained weights and are selected with ``--runtimes``."""


@hookspec
def zoo_report_formats() -> Iterable[ReportFormat]:  # type: ignore[empty-body]
    """Yield formats of the ranked table that can be selected with ``--format``."""


@hookspec
def zoo_commands() -> Iterable[click.Command]:  # type: ignore[empty-body]
    """Yield subcommands of ``zoo``."""
