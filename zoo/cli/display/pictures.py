"""Pictures that commands write: what their files may be called, and writing them whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def check_picture_name(output: str) -> Path:
    """Return the path of a picture that is to be written.

    Raises:
        UsageError: If its ending is not that of a picture.
    """
    from zoo.errors import UsageError

    path = Path(output)
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(f"-o {output}: its ending must be {' or '.join(_FORMATS)}")
    return path


def write_picture(picture: Image, path: Path) -> None:
    """Write a picture, which appears when all of it is written.

    Raises:
        StoreError: If it cannot be written.
    """
    from harness.system.atomic_files import write_atomically, writing

    form = _FORMATS[path.suffix.lower()]
    quality = {"quality": 92} if form == "JPEG" else {}
    with writing(path):
        write_atomically(path, lambda temporary: picture.save(temporary, form, **quality))
