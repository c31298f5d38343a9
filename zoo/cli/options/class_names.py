"""Class names as a command line gives them: a file, a number, or a list."""

from __future__ import annotations

from pathlib import Path

from zoo.cli.options.output import split_commas
from zoo.files.plain_files import LIST, read_text
from zoo.text import one_line

_MOST_CLASSES = 1_000_000


def classes_of(text: str) -> tuple[str, ...]:
    """Return the class names that the value of ``--classes`` stands for.

    Raises:
        UsageError: If it is neither a file, a number nor a list of distinct names.
    """
    from zoo.errors import UsageError

    path = Path(text)
    try:
        if text.isascii() and text.isdigit():
            # Python converts no number of thousands of digits.
            number = int(text) if len(text) <= len(str(_MOST_CLASSES)) else _MOST_CLASSES + 1
            if number > _MOST_CLASSES:
                raise UsageError(f"--classes {one_line(text, max_length=30)}: expected up to {_MOST_CLASSES:,} classes")
            names = [str(number) for number in range(number)]
        elif path.is_file():
            names = [line.strip() for line in read_text(path, LIST).splitlines() if line.strip()]
        elif "," in text:
            names = split_commas((text,))
        else:
            raise UsageError(f"--classes {text}: expected a file, a number, or comma-separated names")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--classes {text} cannot be read: {error}") from error
    if len(names) < 2 or len(set(names)) < len(names):
        raise UsageError(f"--classes {text}: expected at least two classes with distinct names")
    return tuple(names)
