"""Limits of a server, and the refusal of requests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a server accepts. Enforced while a request arrives, so that no more than this is ever in memory."""

    request_bytes: int = 64_000_000
    """Size of a request body, including everything that is not an image."""
    image_bytes: int = 16_000_000
    """Size of an encoded image."""
    images: int = 64
    """Images per request."""
    pixels: int = 50_000_000
    """Width × height of an image according to its header; larger ones are never decompressed. Decoding takes about
    eight bytes per pixel, in one thread per core."""
    queue: int = 256
    """Images being decoded, queued or predicted, over all requests."""
    requests: int = 256
    """Concurrent prediction requests."""
    held_bytes: int = 512_000_000
    """Total size of the bodies of concurrent requests."""
    body_seconds: float = 30.0
    """Time to receive a body."""
    patient_seconds: float = 1.0
    """Time to receive a body or the headers of a request after which others may take its place."""
    idle_seconds: float = 15.0
    """Time that a connection may be open without a request being processed."""
    connections: int = 512
    """Concurrent connections."""
    head_bytes: int = 16_384
    """Size of the request line and the headers."""
    headers: int = 100
    """Headers per request."""


class Refusal(Exception):
    """The refusal of a request, with a reason in one sentence.

    Attributes:
        status: HTTP status: 4xx for errors of the client, 503 for temporary conditions.
        detail: The sentence.
        retry_after: Seconds after which trying again may help, or None.
    """

    def __init__(self, status: int, detail: str, *, retry_after: int | None = None) -> None:
        self.status, self.detail, self.retry_after = status, detail, retry_after
        super().__init__(detail)

    def headers(self) -> dict[str, str]:
        """Return the response headers for this refusal."""
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers
