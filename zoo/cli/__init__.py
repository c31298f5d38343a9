"""The command line: the only place that composes the other packages. One file per command.

``group``       the group ``zoo`` and its commands, imported when called
``session``     where plugins are looked for in one call
``text``        foreign text made fit for a terminal; plain tables
``selecting``   options that say what to run, and the request they make
``seeding``     more seeds for rows that share ranks
``output``      options that say how a table is shown
``progress``    what is known of a bench while it runs
``audit``    a dataset's audit as lines
``display``     that, live on a terminal
``lines``       that, as plain lines
``listeners``   every event to everyone who asked
``foreign_formats``  report formats of plugins, rendered with care
"""

from __future__ import annotations

from typing import NoReturn


def main() -> NoReturn:
    """Run ``zoo`` with the arguments of this process, and exit."""
    from zoo.cli.group import zoo

    zoo.main(prog_name="zoo")
    raise AssertionError("the group exits")
