"""The command line, which composes the other packages.

``group``        the command group ``zoo``, its help and its error handling
``session``      the plugins of one call, and the catalog made of them
``streams``      closed and full standard streams, and broken pipes
``commands``     one module per command
``options``      options that several commands share, and the typed call of a bench
``running``      what a bench does around its trials: listeners, seeds, folds, runtimes, forecasts
``display``      progress, tables, predictions and pictures
``diagnosis``    the examination of an installation
"""

from __future__ import annotations

from typing import NoReturn


def main() -> NoReturn:
    """Run ``zoo`` with the arguments of this process, and exit."""
    from zoo.cli.group import zoo

    zoo.main(prog_name="zoo")
    raise AssertionError("the group exits")
