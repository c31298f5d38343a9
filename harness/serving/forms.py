"""Forms: the images of a ``multipart/form-data`` body, held to the limits while they come in.

What is wrong with the request refuses it; an image that is too large, or empty, is a problem of that image. The type
that a part declares is not believed: what an image is, its bytes say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from harness.serving.limits import Limits, Refusal
from zoo.sizes import size_text

FIELD = "images"
_MAX_PARTS_BESIDE = 16
"""Parts that are no images, each of which is refused in the end, but named first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadedImage:
    """An image as it was sent."""

    name: str
    """As the client calls it: foreign text."""
    content: bytes
    problem: str = ""
    """One sentence, where there is no content."""
    status: int = 200
    """Of a response that is about this image alone."""


async def read_images(
    content_type: str, content_length: str, chunks: AsyncIterator[bytes], limits: Limits, hold: Callable[[int], None]
) -> list[UploadedImage]:
    """Read the images of a form.

    Args:
        content_type: Header of the request, or nothing.
        content_length: Header of the request, or nothing.
        chunks: The body as it comes in.
        hold: Told the size of each chunk before it is kept; may refuse.

    Raises:
        Refusal: If the body is no such form (415, 400), has none of the field or others beside it (422), is larger
            than the limits (413) or takes too long (408).
    """
    kind, parameters = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise Refusal(415, f"images come as multipart/form-data, in the field {FIELD!r}")
    boundary = parameters.get(b"boundary")
    if not boundary:
        raise Refusal(400, "the Content-Type of the form has no boundary")
    too_large = Refusal(413, f"the request is larger than {size_text(limits.request_bytes)}")
    if content_length.isdecimal() and int(content_length) > limits.request_bytes:
        raise too_large
    form = _Form(limits)
    num_bytes = 0
    try:
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]  # a dictionary of those it names
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in chunks:
                num_bytes += len(chunk)
                if num_bytes > limits.request_bytes:
                    raise too_large
                hold(len(chunk))
                parser.write(chunk)
        parser.finalize()
    except TimeoutError:
        raise Refusal(408, f"the request was not complete after {limits.body_seconds:g} s") from None
    except FormParserError as error:
        raise Refusal(400, f"the form is broken: {' '.join(str(error).split())[:200]}") from error
    if not form.is_complete:
        raise Refusal(400, "the form is broken: it has no end")
    return form.checked()


class _Form:
    """Gathers the parts of a form."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.images: list[UploadedImage] = []
        self.other_fields: list[str] = []
        self.is_complete = False
        self._header: list[bytes] = []
        self._value: list[bytes] = []
        self._disposition = b""
        self._is_image = False
        self._name = ""
        self._content: list[bytes] = []
        self._size = 0

    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.append(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.append(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._take,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def checked(self) -> list[UploadedImage]:
        if self.other_fields:
            fields = ", ".join(map(repr, dict.fromkeys(self.other_fields)))
            raise Refusal(422, f"the form has {fields}; images go into files of the field {FIELD!r}, and nothing else")
        if not self.images:
            raise Refusal(422, f"the form has no images; they go into the field {FIELD!r}")
        return self.images

    def _begin(self) -> None:
        self._disposition = b""
        self._content, self._size = [], 0

    def _end_header(self) -> None:
        if b"".join(self._header).lower() == b"content-disposition":
            self._disposition = b"".join(self._value)
        self._header, self._value = [], []

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        field, file = options.get(b"name"), options.get(b"filename")
        self._is_image = field == FIELD.encode() and file is not None
        if self._is_image:
            self._name = _text(file or b"")
            if len(self.images) == self.limits.images:
                raise Refusal(413, f"the request has more than {self.limits.images} images")
        else:
            self.other_fields.append(_text(field or b"")[:100])
            if len(self.other_fields) == _MAX_PARTS_BESIDE:
                self.checked()

    def _take(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._is_image and self._size <= self.limits.image_bytes:
            self._content.append(data[start:end])

    def _end(self) -> None:
        if not self._is_image:
            return
        content, problem, status = b"".join(self._content), "", 200
        if self._size > self.limits.image_bytes:
            content, problem, status = b"", f"it is larger than {size_text(self.limits.image_bytes)}", 413
        elif not self._size:
            problem, status = "it is empty", 422
        self.images.append(UploadedImage(name=self._name, content=content, problem=problem, status=status))
        self._content = []

    def _finish(self) -> None:
        self.is_complete = True


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")
