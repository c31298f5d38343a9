"""The command line, a thin layer over :mod:`zoo.api`.

``group``        the command group ``zoo``, its help and its error handling
``session``      the plugins of one call, and the catalog made of them
``leaving``      the end of the process, which no plugin can put off
``streams``      closed and full standard streams, and broken pipes
``commands``     one module per command
``options``      options that several commands share, and the typed call of a bench
``display``      live progress, tables, predictions and pictures
``diagnosis``    the examination of an installation
"""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run ``zoo`` with the arguments of this process, and exit."""
    from zoo.cli.diagnosis.wrong_imports import wrong_import, wrong_package

    try:
        import signal

        from zoo.calling.interruption import INTERRUPTION
        from zoo.cli.group import zoo
        from zoo.cli.leaving import leave
    except Exception as error:
        if not (sentence := wrong_import(error)):
            raise
    else:
        sentence = wrong_package()
    if sentence:
        print(f"zoo: {sentence}", file=sys.stderr)
        raise SystemExit(2)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not in the background, where it is ignored
        INTERRUPTION.listen(signal.SIGINT)
    try:
        zoo.main(prog_name="zoo")
    except SystemExit as error:
        leave(error)
    raise AssertionError("the group exits")
