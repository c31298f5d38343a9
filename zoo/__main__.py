"""The command line as a module: ``python -m zoo``."""

import os
import sys

if __name__ == "__main__":
    # Python looks for modules in the working folder first: a numpy.py there would be taken for NumPy. The command zoo
    # has no such entry. It stays where zoo itself is there, as in a checkout. Without pathlib: that may be one of them.
    home = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120
    if not sys.flags.safe_path and os.path.realpath(sys.path[0]) != home:
        del sys.path[0]

    from zoo.cli import main

    main()
