"""Admission: too many requests or bytes at once are refused until there is room again."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from harness.serving.limits import Limits

from .serving_toys import Served, form, picture, refused


def test_too_many_requests_and_too_many_bytes_at_once_are_503(serve: Any) -> None:
    for limits, words in (
        (Limits(requests=1), "1 requests are being processed"),
        (Limits(held_bytes=len(picture()) + 400), "holds too much image data"),
    ):
        served = serve(limits)
        served.model.go_on.clear()

        async def ask(client: httpx.AsyncClient, served: Served = served) -> list[httpx.Response]:
            first = asyncio.ensure_future(client.post("/predict", files=form(picture())))
            while not served.classifier.num_held:
                await asyncio.sleep(0.005)
            late = await client.post("/predict", files=form(picture()))
            served.model.go_on.set()
            return [await first, late, await client.post("/predict", files=form(picture()))]

        first, late, after = served.run(ask)
        refused(late, 503, words)
        assert late.headers["retry-after"] == "1"
        assert (first.status_code, after.status_code) == (200, 200)
