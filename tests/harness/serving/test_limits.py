"""Limits: a refusal says when to try again, and what to authenticate with."""

from __future__ import annotations

from harness.serving.limits import Refusal


def test_a_refusal_has_the_headers_that_its_status_needs() -> None:
    assert Refusal(413, "too large").headers() == {}
    assert Refusal(503, "busy", retry_after=7).headers() == {"Retry-After": "7"}
    assert Refusal(401, "no token").headers() == {"WWW-Authenticate": "Bearer"}
