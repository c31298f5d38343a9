"""The app: routes on FastAPI, which describes them at ``/openapi.json``.

==================  =========================================================================
``POST /predict``   images in, a list out, as ``zoo predict --format json`` writes it; ``PUT`` does the same
``POST /explain``   one image in, saliency maps of its most probable classes out
``GET /model``      classes, preparation, limits
``GET /health``     200 while requests are accepted, else 503
``GET /metrics``    Prometheus metrics
``GET /``           the demo page
``GET /docs``       the API page
==================  =========================================================================

Every error response is ``{"detail": SENTENCE}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from harness.serving.admission import Admission
from harness.serving.bodies import read_images
from harness.serving.forms import FIELD
from harness.serving.guard import App, Guard
from harness.serving.limits import Refusal
from harness.serving.maps import Mapper
from harness.serving.metrics import CONTENT_TYPE, Metrics
from harness.serving.pages import TYPES, read_page
from harness.serving.served import ServedClassifier
from harness.serving.uploads import UploadedImage
from zoo._version import __version__
from zoo.names import near_names

TOP_K = 5


class Answered(BaseModel):
    """A class and its probability."""

    name: str = Field(alias="class")
    probability: float


class ImageAnswer(BaseModel):
    """The prediction for an image, or why there is none."""

    image: str = Field(description="Name of the file as it was sent, or its place in the request.")
    predictions: list[Answered] = Field(description="The most probable classes, best first; empty for a bad image.")
    problem: str | None = Field(description="Why there are no predictions, in one sentence; null if there are.")


class ClassMap(BaseModel):
    """Where the evidence for a class is."""

    name: str = Field(alias="class")
    probability: float
    map: str = Field(description="PNG in base64, grey: 255 is the strongest evidence for this class.")


class MapsAnswer(BaseModel):
    """Saliency maps of an image."""

    image: str = Field(description="Name of the file as it was sent.")
    seen: str = Field(description="PNG in base64: the image as the network sees it, on which the maps lie.")
    layer: str = Field(description="The layer whose features were used.")
    rows: int = Field(description="Rows of its feature map, the resolution of the maps.")
    columns: int
    maps: list[ClassMap] = Field(description="The most probable classes, best first.")


class Problem(BaseModel):
    """Why a request failed."""

    detail: str
    images: list[ImageAnswer] | None = Field(default=None, description="An entry for each image, if all are bad.")


class PredictQuery(BaseModel):
    """Query parameters of a prediction."""

    model_config = ConfigDict(extra="forbid")

    top_k: int = Field(default=TOP_K, ge=1, description="Number of classes to return per image.")


_BASE64 = {"type": "string", "format": "byte"}
_BODIES = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            },
            "application/json": {
                "schema": {
                    "description": 'base64: {"image": "..."} or {"images": ["...", ...]}',
                    "oneOf": [
                        {"type": "object", "required": ["image"], "properties": {"image": _BASE64}},
                        {
                            "type": "object",
                            "required": ["images"],
                            "properties": {"images": {"type": "array", "items": _BASE64}},
                        },
                    ],
                }
            },
            **{
                kind: {"schema": {"type": "string", "format": "binary", "description": "one image as the body"}}
                for kind in ("image/*", "application/octet-stream")
            },
        },
    }
}
_REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in {
        400: "The form or the JSON is malformed, or the Host header names another server.",
        401: "The token is missing or wrong.",
        403: "A page of another site sent the request.",
        408: "The body was not complete in time.",
        413: "The request has too many bytes or images, or all of its images are too large.",
        415: "The body is of another type, or none of its files is an image.",
        422: "There are no images, another field or an invalid query, or no image can be read.",
        431: "There are too many headers.",
        500: "The network failed.",
        503: "The server is overloaded or stopping. Retry-After says when to try again.",
    }.items()
}
_REFUSED_READING: dict[int | str, dict[str, Any]] = {status: _REFUSED[status] for status in (400, 431)}


def create_app(
    served: ServedClassifier, *, metrics: Metrics, hosts: frozenset[str] | None = None, token: bytes | None = None
) -> App:
    """Return the ASGI app that serves a classifier.

    Args:
        served: The classifier.
        metrics: Counts requests, batches and images.
        hosts: Allowed host names; None allows any.
        token: Required token; None requires none.
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

    token_if_any = [Depends(HTTPBearer(auto_error=False, description="The server's token."))] if token else []

    async def predict(request: Request, query: Annotated[PredictQuery, Query()]) -> Response:
        """Classify images: the response has an entry for each, in the order in which they were sent.

        If some images are bad, each has a problem in its own entry, and the status is 200. If all are bad, the status
        says why.
        """
        async with _images_of(request, served, admission) as images:
            found = await _unless_gone(served.classify(images, query.top_k), request.receive)
        if found is None:
            return Response(status_code=499)  # nobody reads it; logs use this number for a closed connection
        status, entries = found
        if status == 200:
            return JSONResponse(entries)
        first = entries[0]
        detail = f"{first['image']}: {first['problem']}"
        if len(entries) > 1:
            detail = f"none of the {len(entries)} images could be classified; the first: {detail}"
        return JSONResponse({"detail": detail, "images": entries}, status_code=status)

    for method in ("POST", "PUT"):  # which curl -T sends
        app.add_api_route(
            "/predict",
            predict,
            methods=[method],
            operation_id=f"predict_{method.lower()}",
            summary="Classify images",
            response_model=list[ImageAnswer],
            response_description="An entry for each image.",
            responses=_REFUSED,
            openapi_extra=_BODIES,
            dependencies=token_if_any,
        )

    mapper = Mapper(served.predictor, limits)

    async def explain(request: Request, query: Annotated[PredictQuery, Query()]) -> Response:
        """Show which regions of one image raise its most probable classes (HiResCAM), each scaled to its maximum.

        A map shows where a network looks, not why; multiply it by the probability, since that of an improbable class
        looks as convincing. Maps are made one at a time.
        """
        async with _images_of(request, served, admission) as images:
            if len(images) != 1:
                raise Refusal(422, f"maps are made of one image at a time, got {len(images)}")
            return JSONResponse(await mapper.explain(images[0], query.top_k))

    app.add_api_route(
        "/explain",
        explain,
        methods=["POST"],
        summary="Show where the evidence for classes is",
        response_model=MapsAnswer,
        response_description="The image as the network sees it, and a map for each class.",
        responses=_REFUSED,
        openapi_extra=_BODIES,
        dependencies=token_if_any,
    )

    @app.get(
        "/model",
        summary="Describe the model",
        response_description="Classes, preparation and limits.",
        responses={**_REFUSED_READING, 401: _REFUSED[401]},
        dependencies=token_if_any,
    )
    async def model() -> dict[str, Any]:
        """Return the classes, the preparation and the limits."""
        return {
            "title": card.title,
            "dataset": card.dataset,
            "classes": list(card.classes),
            "image_size": card.image_size,
            "channels": card.channels,
            "fit": card.fit,
            "crop_share": card.crop_share,
            "interpolation": card.interpolation,
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
        summary="Report whether requests are accepted",
        response_description="Requests are accepted.",
        responses={**_REFUSED_READING, 503: {"description": "Requests are not accepted now."}},
    )
    async def health() -> Response:
        """Return ready (200), draining while the server stops, or failing if the network keeps failing (503)."""
        return JSONResponse({"status": served.state}, status_code=200 if served.state == "ready" else 503)

    @app.get(
        "/metrics",
        summary="Report counts and times for Prometheus",
        response_class=PlainTextResponse,
        response_description="Prometheus text format.",
        responses={**_REFUSED_READING, 401: _REFUSED[401]},
        dependencies=token_if_any,
    )
    async def prometheus() -> Response:
        """Return requests by route and status, latency, batches, the queue and images."""
        return Response(metrics.text(), media_type=None, headers={"Content-Type": CONTENT_TYPE})

    for path, name in {"/": "try.html", "/docs": "api.html"}.items():
        app.add_api_route(path, _page(name), include_in_schema=False)
    for name in TYPES:
        app.add_api_route(f"/assets/{name}", _page(name), include_in_schema=False)
    routes = frozenset({"/", "/docs", "/explain", "/health", "/metrics", "/model", "/openapi.json", "/predict"})
    return Guard(app, metrics=metrics, hosts=hosts, token=token, routes=routes, max_headers=limits.headers)


def _page(name: str) -> Callable[[], Awaitable[Response]]:
    content = read_page(name)

    async def page() -> Response:
        return Response(content, headers={"Content-Type": TYPES[name]})

    return page


@asynccontextmanager
async def _images_of(
    request: Request, served: ServedClassifier, admission: Admission
) -> AsyncIterator[list[UploadedImage]]:
    """Admit a request, read its images, and keep its place until the end of the block.

    Raises:
        Refusal: If the server is stopping or has no room, or as :func:`read_images` does.
    """
    if served.is_draining:
        raise Refusal(503, "the server is stopping", retry_after=1)
    with admission.request() as ticket:
        async with ticket.receiving():
            images = await read_images(
                request.headers.get("content-type", ""),
                request.headers.get("content-length", ""),
                _chunks(request.receive),
                served.limits,
                ticket.hold,
            )
        yield images


async def _chunks(receive: Callable[[], Awaitable[Any]]) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; raises :class:`Refusal` if the client disconnects before its end."""
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
    """Return the result, or None if the client disconnects first, which frees the place of its images."""
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
        404: "there is nothing at this path; /docs lists the routes",
        405: f"this path does not support {request.method}; /docs lists the routes",
    }.get(error.status_code, str(error.detail))
    return JSONResponse({"detail": detail}, status_code=error.status_code, headers=error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    if first["type"] == "extra_forbidden":
        near = near_names(name, PredictQuery.model_fields)
        sentence = f"unknown query parameter {name!r}; " + (
            f"did you mean {near[0]!r}?" if near else "the only one is 'top_k'"
        )
    else:
        sentence = f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    return JSONResponse({"detail": sentence}, status_code=422)


async def _broken(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": "internal server error; the server's log says more"}, status_code=500)
