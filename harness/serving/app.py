"""The app: routes on FastAPI, which describes them at ``/openapi.json``.

==================  =========================================================================
``POST /predict``   images in, a list out: what ``zoo predict --format json`` writes
``GET /model``      what is served: classes, preprocessing, limits
``GET /health``     200 while requests are taken, 503 else
``GET /metrics``    Prometheus
``GET /``           a page to try it
``GET /docs``       a page of this API
==================  =========================================================================

All that is not answered as it was meant is ``{"detail": SENTENCE}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from harness.serving.admission import Admission
from harness.serving.forms import FIELD, read_images
from harness.serving.guard import App, Guard
from harness.serving.limits import Refusal
from harness.serving.metrics import CONTENT_TYPE, Metrics
from harness.serving.pages import TYPES, read_page
from harness.serving.served import ServedClassifier
from zoo._version import __version__
from zoo.names import near_names

TOP_K = 5


class Answered(BaseModel):
    """A class with its probability."""

    name: str = Field(alias="class")
    probability: float


class ImageAnswer(BaseModel):
    """What the classifier says of an image, or why it says nothing."""

    image: str = Field(description="The file's name, as it was sent.")
    predictions: list[Answered] = Field(description="The most probable classes, best first; none of a bad image.")
    problem: str | None = Field(description="Why there are no predictions, in a sentence; else null.")


class Problem(BaseModel):
    """Why a request was not answered as it was meant."""

    detail: str
    images: list[ImageAnswer] | None = Field(default=None, description="Each image, where all of them are bad.")


class PredictQuery(BaseModel):
    """What can be asked for beside the images."""

    model_config = ConfigDict(extra="forbid")

    top_k: int = Field(default=TOP_K, ge=1, description="How many classes to return of each image.")


_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}
_REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in {
        400: "A broken form.",
        401: "No token, or another one.",
        408: "The body took too long.",
        413: "Too large: the request, the number of images, or every image in it.",
        415: "No form, or nothing in it is an image.",
        422: "No images, a wrong field, a wrong query, or no image that can be read.",
        500: "The network failed.",
        503: "Too much at once, or the server stops. Retry-After says when to come back.",
    }.items()
}


def create_app(
    served: ServedClassifier, *, metrics: Metrics, hosts: frozenset[str] | None = None, token: bytes | None = None
) -> App:
    """Return the ASGI app that serves a classifier.

    Args:
        hosts: Names that the server goes by; None: any.
        token: Asked for, where it is given.
    """
    card, limits = served.card, served.limits
    admission = Admission(limits)
    metrics.watch(num_images=lambda: served.num_held, num_requests=lambda: admission.num_requests)
    app = FastAPI(
        title="zoo serve",
        version=__version__,
        description=f"An image classifier: {card.title}",
        docs_url=None,
        redoc_url=None,
    )
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _broken)

    @app.post(
        "/predict",
        summary="Classify images",
        response_model=list[ImageAnswer],
        response_description="An entry for each image.",
        responses=_REFUSED,
        openapi_extra=_FORM,
    )
    async def predict(request: Request, query: Annotated[PredictQuery, Query()]) -> Response:
        """Say what is in images: an entry for each, in the order in which they were sent.

        A bad image among good ones has a problem in its own entry, and the status is 200. Where there is no good one,
        the status is theirs.
        """
        if served.is_draining:
            raise Refusal(503, "the server is stopping", retry_after=1)
        with admission.request() as ticket:
            images = await read_images(
                request.headers.get("content-type", ""),
                request.headers.get("content-length", ""),
                _chunks(request.receive),
                limits,
                ticket.hold,
            )
            found = await _unless_gone(served.classify(images, query.top_k), request.receive)
        if found is None:
            return Response(status_code=499)  # nobody reads it; the number is the usual one in logs
        status, entries = found
        if status == 200:
            return JSONResponse(entries)
        first = entries[0]
        detail = f"{first['image']}: {first['problem']}"
        if len(entries) > 1:
            detail = f"none of the {len(entries)} images could be predicted; the first: {detail}"
        return JSONResponse({"detail": detail, "images": entries}, status_code=status)

    @app.get("/model", summary="What is served", response_description="As JSON.", responses={401: _REFUSED[401]})
    async def model() -> dict[str, Any]:
        """Tell the classes, how images are prepared, and what is taken."""
        return {
            "title": card.title,
            "dataset": card.dataset,
            "classes": list(card.classes),
            "image_size": card.image_size,
            "channels": card.channels,
            "resizing": card.resizing,
            "mean": list(card.mean),
            "std": list(card.std),
            "precision": served.predictor.precision,
            "device": str(served.predictor.device),
            "limits": {
                "request_bytes": limits.request_bytes,
                "image_bytes": limits.image_bytes,
                "images": limits.images,
                "pixels": limits.pixels,
            },
        }

    @app.get(
        "/health",
        summary="Whether requests are taken",
        response_description="They are.",
        responses={503: {"description": "Not now."}},
    )
    async def health() -> Response:
        """Tell ready (200), draining while the server stops, or failing when the network keeps failing (503)."""
        return JSONResponse({"status": served.state}, status_code=200 if served.state == "ready" else 503)

    @app.get(
        "/metrics",
        summary="Counts and times, for Prometheus",
        response_description="As text.",
        responses={401: _REFUSED[401]},
    )
    async def prometheus() -> Response:
        """Tell requests by route and status, latency, batches, the queue and images."""
        return Response(metrics.text(), media_type=None, headers={"Content-Type": CONTENT_TYPE})

    for path, name in {"/": "try.html", "/docs": "api.html"}.items():
        app.add_api_route(path, _page(name), include_in_schema=False)
    for name in TYPES:
        app.add_api_route(f"/assets/{name}", _page(name), include_in_schema=False)
    routes = frozenset({"/", "/docs", "/health", "/metrics", "/model", "/openapi.json", "/predict"})
    return Guard(app, metrics=metrics, hosts=hosts, token=token, routes=routes)


def _page(name: str) -> Callable[[], Awaitable[Response]]:
    content = read_page(name)

    async def page() -> Response:
        return Response(content, headers={"Content-Type": TYPES[name]})

    return page


async def _chunks(receive: Callable[[], Awaitable[Any]]) -> AsyncIterator[bytes]:
    """Yield a body as it comes in; a client that goes away in the middle of it has sent a broken one."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "the connection was closed before the request was complete")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body", False):
            return


async def _unless_gone(
    answering: Any, receive: Callable[[], Awaitable[Any]]
) -> tuple[int, list[dict[str, Any]]] | None:
    """Return the answer, or None when the client goes away before: what it sent then makes room for others."""
    task = asyncio.ensure_future(answering)
    gone = asyncio.ensure_future(receive())
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            return None
        return task.result()  # type: ignore[no-any-return]
    finally:
        gone.cancel()
        task.cancel()


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse({"detail": error.detail}, status_code=error.status, headers=error.headers())


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = {
        404: "there is nothing at this path; /docs lists what there is",
        405: f"{request.method} is not what this path takes; /docs lists what there is",
    }.get(error.status_code, str(error.detail))
    return JSONResponse({"detail": detail}, status_code=error.status_code, headers=error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    if first["type"] == "extra_forbidden":
        near = near_names(name, PredictQuery.model_fields)
        sentence = f"there is no {name!r} to ask for; " + (f"did you mean {near[0]!r}?" if near else "only 'top_k'")
    else:
        sentence = f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    return JSONResponse({"detail": sentence}, status_code=422)


async def _broken(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": "this is a fault of the server; its log says more"}, status_code=500)
