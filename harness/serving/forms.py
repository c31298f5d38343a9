"""Forms: the files in a ``multipart/form-data`` body, parsed while it arrives."""

from __future__ import annotations

from collections.abc import Callable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from harness.serving.limits import Limits, Refusal
from harness.serving.uploads import UploadedImage

FIELD = "images"
"""The documented field; files in another one are taken if all of them are in it."""
_MAX_OTHER_PARTS = 16
"""Parts that are not images, after which the rest is not read: the request is refused anyway, naming them."""


class FormReader:
    """Gathers the files of a form.

    Args:
        boundary: What separates its parts.
        limits: Sizes and counts that are allowed.

    Raises:
        Refusal: If the boundary is missing or malformed (400).
    """

    copies = 1

    def __init__(self, boundary: bytes, limits: Limits) -> None:
        if not boundary:
            raise Refusal(400, "the Content-Type of the form has no boundary")
        self.limits = limits
        self._images: list[UploadedImage] = []
        self._other_fields: list[str] = []
        self._field: bytes | None = None
        self._is_complete = False
        self._header: list[bytes] = []
        self._value: list[bytes] = []
        self._disposition = b""
        self._is_image = False
        self._name = ""
        self._content: list[bytes] = []
        self._size = 0
        try:
            self._parser = MultipartParser(boundary, self._callbacks())  # type: ignore[arg-type]  # a TypedDict
        except FormParserError as error:
            raise _malformed(error) from error

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed(error) from error

    def finish(self) -> list[UploadedImage]:
        try:
            self._parser.finalize()
        except FormParserError as error:
            raise _malformed(error) from error
        if not self._is_complete:
            raise Refusal(400, "the form is malformed: it has no end")
        self._check_fields()
        if not self._images:
            raise Refusal(422, f"the form has no images; add them as files in the field {FIELD!r}")
        return self._images

    def _callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.append(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.append(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._take,
            "on_part_end": self._end,
            "on_end": self._complete,
        }

    def _check_fields(self) -> None:
        if self._other_fields:
            fields = ", ".join(map(repr, dict.fromkeys(self._other_fields)))
            if not self._images and all(self._other_fields):
                raise Refusal(
                    422,
                    f"the form has text in {fields} and no file; send files, as curl -F {FIELD}=@FILE does, or "
                    'base64 in JSON: {"image": "BASE64"}',
                )
            raise Refusal(422, f"the form also has {fields}; expected only files, all in one field, such as {FIELD!r}")

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
        self._is_image = bool(field) and file is not None and self._field in (None, field)
        if self._is_image:
            self._field = field
            self._name = _text(file or b"")
            if len(self._images) == self.limits.images:
                raise Refusal(413, f"the request has more than {self.limits.images} images")
        else:
            self._other_fields.append(_text(field or b"")[:100])
            if len(self._other_fields) == _MAX_OTHER_PARTS:
                self._check_fields()

    def _take(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._is_image and self._size <= self.limits.image_bytes:
            self._content.append(data[start:end])

    def _end(self) -> None:
        if self._is_image:
            self._images.append(UploadedImage.of_size(self._name, b"".join(self._content), self._size, self.limits))
        self._content = []

    def _complete(self) -> None:
        self._is_complete = True


def _malformed(error: FormParserError) -> Refusal:
    return Refusal(400, f"the form is malformed: {' '.join(str(error).split())[:200]}")


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")
