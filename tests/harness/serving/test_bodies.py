"""Bodies: images arrive in a form, as JSON or by themselves, and are held to the limits while they do."""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from harness.serving.limits import Limits

from .serving_toys import PART, SMALL, body, form, picture, refused

GZIPPED_JSON = {"content-type": "application/json", "content-encoding": "gzip"}
FORM_FIELDS = {"content-type": "application/x-www-form-urlencoded"}


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


RAW = {
    "a declared type": {"headers": {"content-type": "image/jpeg"}},
    "bytes": {"headers": {"content-type": "application/octet-stream"}},
    "no type": {},
    "curl --data-binary": {"headers": FORM_FIELDS},
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
@pytest.mark.parametrize("how", RAW.values(), ids=RAW)
def test_an_image_may_be_the_body(serve: Any, kind: str, how: dict[str, Any]) -> None:
    response = serve().ask("POST", "/predict?top_k=1", content=picture("blue", form=kind), **how)
    (entry,) = response.json()
    assert (response.status_code, entry["image"]) == (200, "image")
    assert [each["class"] for each in entry["predictions"]] == ["blue"]


def test_curl_may_upload_a_file(serve: Any) -> None:
    """``curl -T`` sends PUT without a type."""
    assert serve().ask("PUT", "/predict", content=picture()).json()[0]["predictions"][0]["class"] == "red"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: text,
        lambda text: f"data:image/png;base64,{text}",
        lambda text: f" DATA:image/png;BASE64,{text}\n",
        lambda text: "\n".join(text[start : start + 76] for start in range(0, len(text), 76)),
        lambda text: text.replace("+", "-").replace("/", "_").rstrip("="),
    ],
    ids=["plain", "data URL", "data URL in capitals", "lines", "URL-safe"],
)
def test_json_may_hold_base64(serve: Any, wrap: Callable[[str], str]) -> None:
    texts = [wrap(encoded(picture(colour, side=30, form="JPEG"))) for colour in ("red", "blue")]
    (one,) = serve().ask("POST", "/predict", json={"image": texts[0]}).json()
    assert (one["image"], one["predictions"][0]["class"]) == ("image", "red")
    found = serve().ask("POST", "/predict", json={"images": texts}).json()
    assert [(each["image"], each["predictions"][0]["class"]) for each in found] == [
        ("images[0]", "red"), ("images[1]", "blue")
    ]  # fmt: skip
    assert serve().ask("POST", "/predict", json=texts).json() == found
    assert serve().ask("POST", "/predict", json=texts[0]).json() == [one]


def test_a_bad_text_among_good_ones_is_a_problem_of_its_own(serve: Any) -> None:
    found = serve().ask("POST", "/predict", json={"images": ["!", encoded(picture())]})
    assert found.status_code == 200
    assert [each["problem"] for each in found.json()] == ["it is not base64", None]


def test_json_counts_twice_while_it_is_held(serve: Any) -> None:
    text = encoded(picture(side=100))
    served = serve(Limits(held_bytes=int(1.5 * len(text))))
    refused(served.ask("POST", "/predict", json={"image": text}), 503, "too much image data")


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        ({}, 422, ("is empty", "send an image as the body")),
        ({"content": b"hello", "headers": {"content-type": "text/plain"}}, 415, ("text/plain", "base64", "'images'")),
        ({"content": b"image=a.jpg", "headers": FORM_FIELDS}, 415, ("form without files", "curl -F images=@FILE")),
        ({"content": b"nonsense", "headers": {"content-type": "image/png"}}, 415, ("not an image of a known format",)),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, ("not valid JSON",)),
        ({"content": b"[" * 99_999, "headers": {"content-type": "application/json"}}, 400, ("not valid JSON",)),
        ({"content": b"\xff", "headers": {"content-type": "application/json"}}, 400, ("not valid JSON",)),
        ({"json": [1]}, 422, ('{"image": "BASE64"}', "got a value")),
        ({"json": {"instances": []}}, 422, ('{"images": ["BASE64", ...]}', "'instances'")),
        ({"json": {"images": []}}, 422, ("'images' in another form",)),
        ({"json": {"image": "aGk=", "top_k": 3}}, 422, ("'image', 'top_k'", "into the address: /predict?top_k=3")),
        ({"content": b' {"image": "aGk="}', "headers": FORM_FIELDS}, 415, ("Content-Type: application/json",)),
        ({"json": {"image": "photos/my cat.jpeg"}}, 422, ("the name of a file", "in base64")),
        ({"json": {"image": " HTTPS://a.b/c.png"}}, 422, ("it is a URL, and none is fetched",)),
        ({"json": {"image": "no base64!"}}, 422, ("it is not base64",)),
        ({"json": {"image": "data:image/png,abc"}}, 422, ("it is not base64",)),
        ({"json": {"image": "https://a.b/c.png"}}, 422, ("it is a URL, and none is fetched", "content in base64")),
        ({"content": gzip.compress(b"{}"), "headers": GZIPPED_JSON}, 415, ("compressed with gzip; send it as it is",)),
        ({"files": {"image": (None, "aGk=")}}, 422, ("text in 'image' and no file", "-F images=@FILE", '"BASE64"')),
        ({"json": {"image": ""}}, 422, ("it is empty",)),
        ({"json": {"images": ["aGk="] * 5}}, 413, ("more than 4 images",)),
        ({"json": {"image": "A" * 70_000}}, 413, ("larger than 50 kB",)),
        ({"content": bytes(51_000), "headers": {"content-type": "image/png"}}, 413, ("larger than 50 kB",)),
        ({"content": picture(side=1001), "headers": {"content-type": "image/png"}}, 413, ("more than 1,000,000",)),
        ({"json": {"image": encoded(picture(side=1001))}}, 413, ("more than 1,000,000",)),
        ({"files": form(bytes(301_000))}, 413, ("larger than 300 kB",)),
        ({"json": {"image": "A" * 400_000}}, 413, ("larger than 300 kB",)),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused_in_one_sentence(
    serve: Any, request_: dict[str, Any], status: int, words: tuple[str, ...]
) -> None:
    served = serve(SMALL)
    refused(served.ask("POST", "/predict", **request_), status, *words)
    assert served.predict(picture()).status_code == 200


def test_a_body_of_unknown_length_is_counted_while_it_comes_in(serve: Any) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield PART
        while True:
            sent += 10_000
            yield bytes(10_000)

    refused(serve(SMALL).ask("POST", "/predict", **body(endless())), 413, "larger than 300 kB")  # type: ignore[arg-type]
    assert sent <= 400_000


def test_a_length_that_is_too_large_is_refused_before_anything_is_read(serve: Any) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        pytest.fail("it was read")
        yield b""

    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": "300001"}
    refused(serve(SMALL).ask("POST", "/predict", content=nothing(), headers=headers), 413, "larger than 300 kB")


def test_a_body_that_takes_too_long_is_given_up(serve: Any) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield PART
        while True:
            await asyncio.sleep(0.01)
            yield b"."

    refused(serve(Limits(body_seconds=0.1)).ask("POST", "/predict", **body(slow())), 408, "0.1 s")  # type: ignore[arg-type]
