"""Hold the stores ``runs/torchX.Y`` together, as ``tox -e compare`` does: each with the next, the first with the last.

Arguments are passed on to ``zoo diff``. Exits with the highest of its exit codes.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

FOLDER = Path("runs")


def stores(folder: Path) -> list[Path]:
    """Return the stores in *folder*, by version: 2.9 before 2.11."""
    found = []
    for path in folder.glob("torch*.*"):
        numbers = path.name.removeprefix("torch").split(".")
        if path.is_dir() and all(number.isdigit() for number in numbers):
            found.append(([int(number) for number in numbers], path))
    return [path for _, path in sorted(found)]


def pairs(found: list[Path]) -> list[tuple[Path, Path]]:
    """Return which stores are held together."""
    ends = [(found[0], found[-1])] if len(found) > 2 else []
    return [*itertools.pairwise(found), *ends]


def main(arguments: list[str]) -> int:
    found = stores(FOLDER)
    if len(found) < 2:
        print(f"fewer than two stores torchX.Y in {FOLDER}: run tox -e suite211,suite212 first", file=sys.stderr)
        return 2
    codes = []
    for before, after in pairs(found):
        print(flush=True)
        codes.append(subprocess.run(["zoo", "diff", str(before), str(after), *arguments], check=False).returncode)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
