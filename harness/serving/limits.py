"""Limits of what a server takes, and the refusal of what is beyond them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much of what is taken. Held while it comes in: nothing beyond is ever in memory."""

    request_bytes: int = 64_000_000
    """Of a request's body, with all that is not images."""
    image_bytes: int = 16_000_000
    """Of one encoded image."""
    images: int = 64
    """Of one request."""
    pixels: int = 50_000_000
    """Width × height of one image, by its header: what is larger is never decompressed. Decoding takes about eight
    bytes a pixel, in as many threads as there are processors."""
    queue: int = 256
    """Images at a time that are decoded, or wait, or are with the network."""
    requests: int = 256
    """Requests at a time whose images come in or wait."""
    held_bytes: int = 512_000_000
    """Of all bodies at a time."""
    body_seconds: float = 30.0
    """From a request's head to the last byte of its body."""
    idle_seconds: float = 15.0
    """A connection may be open for so long without a request that is being answered."""
    connections: int = 512
    """At a time."""


class Refusal(Exception):
    """A request that is not answered as it was meant, for a reason of one sentence.

    Attributes:
        status: Of the response: 4xx for what the client can mend, 503 for what passes.
        detail: The sentence.
        retry_after: In seconds, where coming back helps.
    """

    def __init__(self, status: int, detail: str, *, retry_after: int | None = None) -> None:
        self.status, self.detail, self.retry_after = status, detail, retry_after
        super().__init__(detail)

    def headers(self) -> dict[str, str]:
        """Return the headers that go with it."""
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers
