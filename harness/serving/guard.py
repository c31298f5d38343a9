"""The guard: checks requests before they reach the app, and adds security headers to every response.

==================================================  ======  =====================================================
request                                             status  why
==================================================  ======  =====================================================
the Host header is not one of the server's names    400     protects against DNS rebinding
the browser reports a cross-site request, or an     403     pages of other sites must not use the network
Origin that is not one of the server's names
Content-Length as well as Transfer-Encoding         400     a proxy in front may see other requests in the bytes
more than 100 headers                               431     no client sends that many
a required token is missing or wrong                401     compared in constant time
==================================================  ======  =====================================================
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from harness.serving.limits import Refusal
from harness.serving.metrics import Metrics

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NEEDS_TOKEN = frozenset({"/predict", "/explain", "/model", "/metrics"})
"""Paths that require the token. The others are the same on every server, or report whether it is ready."""

SECURITY_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)


class Guard:
    """ASGI middleware that checks requests.

    Args:
        app: The app behind it.
        metrics: Counts every response.
        hosts: Allowed host names, without port, in lower case; None allows any.
        token: Token required in ``Authorization: Bearer``; None requires none.
        routes: Paths of the app, for the metrics; all others count as ``other``.
        max_headers: Allowed number of headers.
    """

    def __init__(
        self,
        app: App,
        *,
        metrics: Metrics,
        hosts: frozenset[str] | None,
        token: bytes | None,
        routes: frozenset[str],
        max_headers: int,
    ) -> None:
        self._app, self._metrics, self._max_headers = app, metrics, max_headers
        self._hosts, self._token, self._routes = hosts, token, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not served")
        began, status = time.monotonic(), 500

        async def tell(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *SECURITY_HEADERS]
            await send(message)

        route = scope["path"] if scope["path"] in self._routes else "other"
        try:
            self._check(scope)
        except Refusal as refusal:
            await answer(refusal, tell)
        else:
            # HEAD is answered like GET; the HTTP protocol drops the body.
            await self._app({**scope, "method": "GET"} if scope["method"] == "HEAD" else scope, receive, tell)
        finally:
            self._metrics.answered(route, status, time.monotonic() - began)

    def _check(self, scope: Scope) -> None:
        if len(scope["headers"]) > self._max_headers:
            raise Refusal(431, f"the request has more than {self._max_headers} headers")
        headers = {name.lower(): value for name, value in scope["headers"]}
        if b"content-length" in headers and b"transfer-encoding" in headers:
            raise Refusal(400, "the request has both Content-Length and Transfer-Encoding")
        if self._hosts is not None and host_name(headers.get(b"host", b"")) not in self._hosts:
            raise Refusal(400, "the Host header names another server; zoo serve --allow-host NAME allows more names")
        if scope["method"] not in ("GET", "HEAD") and self._is_cross_site(headers):
            raise Refusal(403, "pages of other sites may not send requests")
        if self._token is not None and scope["path"] in NEEDS_TOKEN:
            kind, _, given = headers.get(b"authorization", b"").partition(b" ")
            if kind.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
                raise Refusal(401, "this request needs the server's token: Authorization: Bearer TOKEN")

    def _is_cross_site(self, headers: dict[bytes, bytes]) -> bool:
        """Return whether a page of another site sends a request.

        Browsers say so in ``Sec-Fetch-Site``, which pages cannot set, but only to addresses that they trust; older ones
        send the ``Origin`` of the page alone.
        """
        site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
        if site is not None:
            return site == b"cross-site"
        if origin is None:
            return False
        name = host_name(origin.partition(b"://")[2])
        return not name or (name != host_name(headers.get(b"host", b"")) and name not in (self._hosts or ()))


def host_name(header: bytes) -> str:
    """Return the name in a Host header, without port and brackets: ``[::1]:8000`` is ``::1``.

    It is empty if the header is malformed.
    """
    text = header.decode("latin-1").strip().lower()
    if text.startswith("["):
        name, bracket, rest = text[1:].partition("]")
        return name if bracket and (not rest or rest.startswith(":")) else ""
    return text.partition(":")[0]


async def answer(refusal: Refusal, send: Send) -> None:
    """Send a refusal without going through the app."""
    body = json.dumps({"detail": refusal.detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in refusal.headers().items()]
    if refusal.status in (400, 431):  # where the next request begins is not certain
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
