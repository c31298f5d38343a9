"""Opening image files: which formats are read, how large images may be, and why a file is unreadable."""

from __future__ import annotations

import functools
import importlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from PIL import Image, UnidentifiedImageError

from harness.data.image_files.metadata_limits import LimitedBytes, LimitedFile, check_size
from zoo.dataset import FilePart
from zoo.files import foreign_files
from zoo.files.image_kinds import DECODERS, HEAD_BYTES, has_decoder, how_to_read, image_kind, is_readable
from zoo.files.plain_files import IMAGE, PACK, open_plain

MAX_PIXELS = 100_000_000
"""Maximum width × height to decode: 300 MB as RGB."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "MPO", "JPEG2000", "AVIF", "HEIF", "JXL")
"""Supported raster formats, by Pillow's names. Formats that run another program, such as EPS, are not supported. The
last two need plug-ins (see :mod:`zoo.files.image_kinds`)."""

SAVE_ANEW = "save it as grey or RGB with 8 or 16 bits per sample"
"""What helps where pixels cannot be read."""

Encoded = bytes | Path | FilePart
"""An image file: its content, its path, or its position within another file."""


class UnreadableImageError(ValueError):
    """An image file that cannot be decoded; the message gives the reason, without the file's name."""


class UnknownFormatError(UnreadableImageError):
    """A file that is not an image in a supported format."""


class TooManyPixelsError(UnreadableImageError):
    """An image that is too large to decode, according to its header."""


def read_content(source: Encoded) -> bytes:
    """Return the bytes of an image file.

    Raises:
        OSError: If it cannot be read.
    """
    with _opened(source) as file:
        return file.read() if not isinstance(source, FilePart) else file.read(source.size)


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings about files whose outcome :mod:`~.decoding` states. Enter before starting threads."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


@contextmanager
def opened_image(source: Encoded, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open an image in the body, in which any failure to decode it becomes an error of this module.

    Raises:
        UnreadableImageError: If it is no image of a supported format, too large, or damaged.
    """
    most = min(max_pixels, MAX_PIXELS)
    try:
        with _limited(source) as file, _opened_by_pillow(file) as image:
            if image.width * image.height > most:
                raise TooManyPixelsError(f"{image.width}×{image.height} pixels are more than {most:,}")
            yield image
    except (UnreadableImageError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UnknownFormatError(_why_unknown(source)) from error
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError(f"more than {most:,} pixels") from error
    except Exception as error:  # Pillow's readers raise various undocumented errors for broken files
        raise UnreadableImageError(" ".join(str(error).split())[:200] or type(error).__name__) from error


def _opened(source: Encoded) -> IO[bytes]:
    return io.BytesIO(source) if isinstance(source, bytes) else io.BufferedReader(_raw(source), 1 << 16)


def _opened_by_pillow(file: LimitedBytes | LimitedFile) -> Image.Image:
    file.check()
    image = Image.open(file, formats=_formats())
    file.is_opening = False
    check_size(len(image.info.get("exif") or b""), "Exif data")  # pillow_heif has None where there is none
    return image


def _limited(source: Encoded) -> LimitedBytes | LimitedFile:
    return LimitedBytes(source) if isinstance(source, bytes) else LimitedFile(_raw(source), 1 << 16)


def _raw(source: Path | FilePart) -> io.RawIOBase:
    return _Window(source) if isinstance(source, FilePart) else open_plain(source, IMAGE).detach()


class _Window(io.RawIOBase):
    """A part of a file as a file object, so that a header can be read without the rest."""

    def __init__(self, part: FilePart) -> None:
        self._part = part
        self._place = 0
        self._file = open_plain(part.path, PACK).detach()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._part.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: Any) -> int | None:
        wanted = max(0, min(len(buffer), self._part.size - self._place))
        self._file.seek(self._part.start + self._place)
        count = self._file.readinto(memoryview(buffer)[:wanted])
        self._place += count or 0
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


@functools.cache
def plugin_versions() -> tuple[str, ...]:
    """Register the installed plug-ins of :data:`zoo.files.image_kinds.DECODERS`, and return names and versions."""
    found = []
    for kind, module_name in DECODERS.items():
        if not has_decoder(kind):
            continue
        try:
            module = importlib.import_module(module_name)
        except (ImportError, OSError) as error:  # for example a wheel for another system; images are unreadable
            warnings.warn(f"{kind} cannot be read: {error}", RuntimeWarning, stacklevel=2)
            continue
        if module_name == "pillow_heif":  # the others register themselves
            module.register_heif_opener()
        found.append(f"{module_name} {getattr(module, '__version__', '')}".strip())
    return tuple(found)


@functools.cache
def _formats() -> tuple[str, ...]:
    """Return the formats that this build of Pillow can read."""
    Image.init()
    plugin_versions()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _why_unknown(source: Encoded) -> str:
    with _opened(source) as file:
        head = file.read(foreign_files.HEAD_BYTES)
    kind = image_kind(head[:HEAD_BYTES], source.suffix.lower() if isinstance(source, Path) else "")
    if not kind:
        other = foreign_files.kind_of(source if isinstance(source, Path) else Path(), head) if head else ""
        return f"no image: it {other}" if other else "not an image of a known format"
    if not is_readable(kind):
        return f"{kind}: {how_to_read(kind)}"
    if kind == "TIFF":
        return (
            "a TIFF file that is damaged, or whose pixels Pillow cannot read, such as floating-point colour or more "
            f"than 4 channels: {SAVE_ANEW}"
        )
    return f"a damaged {kind} file, or of an unusual kind: save it again, for example as PNG"
