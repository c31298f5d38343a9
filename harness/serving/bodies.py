"""Bodies: the images in a request, in each form that clients send, checked against the limits as they arrive.

==========================================================  =================================================
``multipart/form-data``                                     files in one field, usually ``images``
``application/json``                                        base64: ``{"image": "…"}`` or ``{"images": ["…"]}``
``image/*``, ``application/octet-stream``, or no type       the image itself
==========================================================  =================================================

A problem with the request refuses it; an image that is too large, empty or not base64 is a problem of that image. The
format of an image is determined from its content, not from the type that the client declares.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from python_multipart.multipart import parse_options_header

from harness.serving.forms import FormReader
from harness.serving.limits import Limits, Refusal
from harness.serving.uploads import UploadedImage
from zoo.files.sizes import size_text

HOW = "send an image as the body, a form with files in the field 'images', or JSON with base64 in 'image' or 'images'"
_URLENCODED = b"application/x-www-form-urlencoded"
"""What ``curl --data-binary`` declares unless told otherwise."""
_RAW = (b"", b"application/octet-stream", b"binary/octet-stream", _URLENCODED)
_GZIP = b"\x1f\x8b"
"""How a gzip file begins, but no image and no text. It is not unpacked, as a small one may hold gigabytes."""
_FILE_NAME = re.compile(r"[^\n]{0,4000}\.[A-Za-z]{3,5}")
"""A path such as photos/cat.jpg; base64 has no dot."""
_URL_SAFE = str.maketrans("-_", "+/")


class BodyReader(Protocol):
    """Reads the images of one request."""

    copies: int
    """How many times the body is in memory at most."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body; raises :class:`Refusal`."""

    def finish(self) -> list[UploadedImage]:
        """Return the images once the body is complete; raises :class:`Refusal`. May be called in any thread."""


async def read_images(
    content_type: str, content_length: str, chunks: AsyncIterator[bytes], limits: Limits, hold: Callable[[int], None]
) -> list[UploadedImage]:
    """Read the images in the body of a request.

    Args:
        content_type: Header of the request, may be empty.
        content_length: Header of the request, may be empty.
        chunks: The body as it arrives.
        limits: Sizes, counts and time that are allowed.
        hold: Called with a number of bytes before they are kept; may refuse.

    Raises:
        Refusal: If the body is of another type (415), is malformed (400), holds no images or something else (422),
            exceeds the limits (413) or takes too long (408).
    """
    reader = _reader(content_type, limits)
    too_large = Refusal(413, f"the request is larger than {size_text(limits.request_bytes)}")
    if content_length.isdecimal() and len(content_length) < 20 and int(content_length) > limits.request_bytes:
        raise too_large
    num_bytes = 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in chunks:
                num_bytes += len(chunk)
                if num_bytes > limits.request_bytes:
                    raise too_large
                if num_bytes == len(chunk) and chunk.startswith(_GZIP):
                    raise Refusal(
                        415, "the body is compressed with gzip; send it as it is: images are compressed already"
                    )
                hold(reader.copies * len(chunk))
                reader.feed(chunk)
    except TimeoutError:
        raise Refusal(408, f"the request was not complete after {limits.body_seconds:g} s") from None
    # Parsing a large JSON body takes longer than other requests should wait.
    return await asyncio.to_thread(reader.finish)


def _reader(content_type: str, limits: Limits) -> BodyReader:
    kind, parameters = parse_options_header(content_type)
    if kind == b"multipart/form-data":
        return FormReader(parameters.get(b"boundary", b""), limits)
    if kind == b"application/json":
        return JsonReader(limits)
    if kind in _RAW or kind.startswith(b"image/"):
        return RawReader(limits, may_be_text=kind == _URLENCODED)
    raise Refusal(415, f"a body of type {kind.decode('latin-1')[:100]} holds no images; {HOW}")


class RawReader:
    """Reads a body that is one image.

    Args:
        limits: Sizes that are allowed.
        may_be_text: Whether the body may be the fields of a form instead.
    """

    copies = 1

    def __init__(self, limits: Limits, *, may_be_text: bool = False) -> None:
        self._limits, self._may_be_text = limits, may_be_text
        self._chunks: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._limits.image_bytes:
            raise Refusal(413, f"the image is larger than {size_text(self._limits.image_bytes)}")
        self._chunks.append(chunk)

    def finish(self) -> list[UploadedImage]:
        content = b"".join(self._chunks)
        if not content:
            raise Refusal(422, f"the request is empty; {HOW}")
        # The fields of a form are encoded in printable ASCII; every image has other bytes near its beginning.
        if self._may_be_text and all(32 <= byte < 127 for byte in content[:64]):
            if content.lstrip()[:1] in (b"{", b"["):  # as curl -d sends it
                raise Refusal(415, "the body is JSON by its looks only; add the header Content-Type: application/json")
            raise Refusal(415, "the body is a form without files; curl -F images=@FILE sends files")
        return [UploadedImage(name="image", content=content)]


class JsonReader:
    """Reads a JSON object with one image or a list of them, in base64."""

    copies = 2
    """How often the body is held in memory: as text, and decoded."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._chunks: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def finish(self) -> list[UploadedImage]:
        try:
            content = json.loads(b"".join(self._chunks))
        except (ValueError, RecursionError) as error:
            raise Refusal(400, f"the body is not valid JSON: {' '.join(str(error).split())[:200]}") from error
        return [self._image(name, text) for name, text in self._named(content)]

    def _named(self, content: Any) -> list[tuple[str, str]]:
        """Return the texts in a JSON value, each with a name."""
        if isinstance(content, str):
            content = {"image": content}
        elif isinstance(content, list) and content and all(isinstance(each, str) for each in content):
            content = {"images": content}
        match content:
            case {"image": str(text), **others} if not others:
                return [("image", text)]
            case {"images": [_, *_] as texts, **others} if not others and all(isinstance(each, str) for each in texts):
                if len(texts) > self._limits.images:
                    raise Refusal(413, f"the request has more than {self._limits.images} images")
                return [(f"images[{index}]", text) for index, text in enumerate(texts)]
        got = f"an object with {', '.join(map(repr, content)) or 'nothing'}" if isinstance(content, dict) else "a value"
        has_more = isinstance(content, dict) and len(content) > 1 and bool({"image", "images"} & set(content))
        hint = "; options go into the address: /predict?top_k=3" if has_more else ""
        expected = '{"image": "BASE64"} or {"images": ["BASE64", ...]}'
        raise Refusal(422, f"expected {expected}, got {got[:200]} in another form{hint}")

    def _image(self, name: str, text: str) -> UploadedImage:
        text = text.strip()
        start = text[:8].lower()
        if start.startswith("data:"):
            head, _, text = text.partition(",")
            if not head.lower().endswith(";base64"):
                return _not_base64(name)
        elif start.startswith(("http://", "https://", "file://", "s3://", "gs://")):
            problem = "it is a URL, and none is fetched here: download the image, and send its content in base64"
            return UploadedImage(name=name, content=b"", problem=problem, status=422)
        if _FILE_NAME.fullmatch(text):
            problem = (
                "it is the name of a file, and none is read here: send its content in base64, or the file in a form"
            )
            return UploadedImage(name=name, content=b"", problem=problem, status=422)
        text = "".join(text.split()).rstrip("=").translate(_URL_SAFE)
        num_bytes = len(text) * 3 // 4
        if num_bytes > self._limits.image_bytes:
            return UploadedImage.of_size(name, b"", num_bytes, self._limits)
        try:
            content = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            return _not_base64(name)
        return UploadedImage.of_size(name, content, len(content), self._limits)


def _not_base64(name: str) -> UploadedImage:
    return UploadedImage(name=name, content=b"", problem="it is not base64", status=422)
