"""Records the picture of the README: runs ``zoo bench`` and draws two of its screens in docs/images/terminal.svg.

Needs ``pyte`` and ``rich``, and an environment in which ``zoo`` is installed. On an idle machine:

    uv run --with pyte --with rich python docs/site/terminal.py
"""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path

import pyte
from rich.console import Console
from rich.text import Text

COLUMNS, LINES = 116, 60
TARGET = Path(__file__).parent.parent / "images" / "terminal.svg"


def main() -> None:
    """Record, and write the picture."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    halfway: list[Text] = []
    with tempfile.TemporaryDirectory() as folder:
        for chunk in _output(["zoo", "bench", "--out", f"{folder}/runs"]):
            stream.feed(chunk)
            if any("8/15 trials" in line for line in screen.display):
                halfway = _lines(screen)
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"))  # noqa: SIM115 - for the whole process
    final = _lines(screen)
    last_row = max(number for number, line in enumerate(final) if re.match(r" *\d+(–\d+)?  ", line.plain))
    for line in [Text("$ zoo bench", style="bold"), *halfway, Text("⋮"), *final[: last_row + 1]]:
        console.print(line, no_wrap=True, crop=True)
    picture = console.export_svg(title="zoo bench")
    # Nothing is fetched from elsewhere: the fonts of the reader's system will do.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    TARGET.write_text(picture.replace("Fira Code", "ui-monospace, Menlo, Consolas"), encoding="utf-8")


def _output(command: list[str]) -> Iterator[bytes]:
    """Yield what a command writes to a terminal."""
    primary, secondary = pty.openpty()
    ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    variables = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = subprocess.Popen(command, stdin=secondary, stdout=secondary, stderr=secondary, env=variables)
    os.close(secondary)
    while True:
        try:
            chunk = os.read(primary, 2**16)
        except OSError:  # what Linux says once the other end is closed
            break
        if not chunk:
            break
        yield chunk
    if process.wait() != 0:
        sys.exit(f"{' '.join(command)} exited with {process.returncode}")


def _lines(screen: pyte.Screen) -> list[Text]:
    """Return what is on the screen, without empty lines at its ends."""
    lines = []
    for row in range(screen.lines):
        text = Text()
        for column in range(screen.columns):
            cell = screen.buffer[row][column]
            colour = cell.fg if cell.fg != "default" else ""
            colour = f"#{colour}" if len(colour) == 6 and all(c in "0123456789abcdef" for c in colour) else colour
            colour = {"brown": "yellow"}.get(colour, colour).replace("bright", "bright_")
            text.append(cell.data, style=" ".join(part for part in ("bold" if cell.bold else "", colour) if part))
        text.rstrip()
        lines.append(text)
    while lines and not lines[-1].plain:
        lines.pop()
    while lines and not lines[0].plain:
        lines.pop(0)
    return lines


if __name__ == "__main__":
    main()
