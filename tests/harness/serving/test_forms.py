"""Forms: files are taken under the names that clients give them, and malformed forms are refused."""

from __future__ import annotations

from typing import Any

import pytest

from .serving_toys import PART, SMALL, body, form, picture, refused

HOSTILE = "<img src=x onerror=alert(1)>\u202e\u0007.png"


def test_names_are_foreign_text_and_come_back_as_they_are(serve: Any) -> None:
    response = serve().predict((HOSTILE, picture()))
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    boundary = b'--x\r\nContent-Disposition: form-data; name="images"; filename="\xff\xc3.png"\r\n\r\n'
    odd = serve().ask(
        "POST",
        "/predict",
        content=boundary + picture() + b"\r\n--x--\r\n",
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert odd.json()[0]["image"] == "ÿÃ.png"


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        ({"content": b"", "headers": {"content-type": "multipart/form-data"}}, 400, ("boundary",)),
        (
            {"content": b"", "headers": {"content-type": f"multipart/form-data; boundary={'x' * 999}"}},
            400,
            ("malformed",),
        ),
        (body(b""), 400, ("malformed",)),
        (body(b"nonsense"), 400, ("malformed",)),
        (body(PART + picture()), 400, ("malformed", "no end")),
        (body(b"--x\r\nno header\r\n\r\n\r\n--x--\r\n"), 400, ("malformed",)),
        (body(b"--x\r\n" + b"A: b\r\n" * 50 + b"\r\n\r\n--x--\r\n"), 400, ("malformed",)),
        (body(b"--x\r\nA: " + b"b" * 9999 + b"\r\n\r\n\r\n--x--\r\n"), 400, ("malformed",)),
        (body(b"--x\r\nContent-Type: image/png\r\n\r\nabc\r\n--x--\r\n"), 422, ("has ''", "'images'")),
        ({"data": {"images": "a.png"}, "files": {"other": b"x"}}, 422, ("'images'",)),
        ({"files": [*form(picture()), *form(picture(), field="other")]}, 422, ("'other'", "all in one field")),
        ({"files": form(*[picture()] * 5)}, 413, ("more than 4 images",)),
    ],
)
def test_a_malformed_form_is_refused_in_one_sentence(
    serve: Any, request_: dict[str, Any], status: int, words: tuple[str, ...]
) -> None:
    served = serve(SMALL)
    refused(served.ask("POST", "/predict", **request_), status, *words)
    assert served.predict(picture()).status_code == 200


@pytest.mark.parametrize("field", ["images", "file", "image", "photo"])
def test_files_may_be_in_any_one_field(serve: Any, field: str) -> None:
    found = serve().ask("POST", "/predict", files=form(picture("red"), picture("blue"), field=field)).json()
    assert [each["predictions"][0]["class"] for each in found] == ["red", "blue"]
