"""Pictures written by commands: checking their file names, and writing them atomically."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def check_picture_name(output: str) -> Path:
    """Return *output* as the path of a picture.

    Raises:
        UsageError: If its suffix is not that of a supported picture format.
    """
    from zoo.errors import UsageError

    path = Path(output)
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(f"-o {output}: the file name must end in {' or '.join(_FORMATS)}")
    return path


def write_picture(picture: Image, path: Path) -> None:
    """Write a picture atomically.

    Raises:
        StoreError: If it cannot be written.
    """
    from harness.system.atomic_files import writing
    from harness.system.staging import write_staged

    form = _FORMATS[path.suffix.lower()]
    quality = {"quality": 92} if form == "JPEG" else {}
    with writing(path):
        write_staged(path, lambda temporary: picture.save(temporary, form, **quality))
