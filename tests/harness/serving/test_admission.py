"""Admission: too many requests or bytes at once are refused until there is room again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
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


async def _stalled(go_on: asyncio.Event) -> AsyncIterator[bytes]:
    yield b"\x89PNG"
    await go_on.wait()


def test_stalled_bodies_make_room_for_requests_that_arrive(serve: Any) -> None:
    served = serve(Limits(requests=4, patient_seconds=0.2))

    async def ask(client: httpx.AsyncClient) -> tuple[list[httpx.Response], list[httpx.Response], httpx.Response]:
        go_on = asyncio.Event()
        stalled = [
            asyncio.ensure_future(
                client.post("/predict", content=_stalled(go_on), headers={"content-type": "image/png"})
            )
            for _ in range(4)
        ]
        await asyncio.sleep(0.05)
        early = await client.post("/predict", files=form(picture()))
        await asyncio.sleep(0.3)
        answered = [await client.post("/predict", files=form(picture())) for _ in range(6)]
        go_on.set()
        return await asyncio.gather(*stalled), answered, early

    stalled, answered, early = served.run(ask)
    refused(early, 503, "4 requests are being processed")  # the others may just be on their way
    assert [each.status_code for each in answered] == [200] * 6
    assert [each.status_code for each in stalled].count(408) == 1, "one place is enough for requests one by one"
    refused(next(each for each in stalled if each.status_code == 408), 408, "too slow to arrive")


def test_the_bytes_of_stalled_bodies_are_freed_for_others(serve: Any) -> None:
    served = serve(Limits(held_bytes=2 * len(picture()), patient_seconds=0.1))

    async def ask(client: httpx.AsyncClient) -> tuple[httpx.Response, httpx.Response]:
        go_on = asyncio.Event()

        async def large() -> AsyncIterator[bytes]:
            yield bytes(2 * len(picture()))
            await go_on.wait()

        stalled = asyncio.ensure_future(client.post("/predict", content=large(), headers={"content-type": "image/png"}))
        await asyncio.sleep(0.3)
        answer = await client.post("/predict", content=picture(), headers={"content-type": "image/png"})
        go_on.set()
        return await stalled, answer

    stalled, answer = served.run(ask)
    assert answer.status_code == 200
    refused(stalled, 408, "too slow to arrive")
