"""The guard: tokens, host names and pages of other sites."""

from __future__ import annotations

from typing import Any

import pytest

from .serving_toys import picture, refused


@pytest.mark.parametrize("path", ["/predict", "/model", "/metrics"])
@pytest.mark.parametrize("given", [None, "Bearer", "Bearer wrong", "Basic secret", "secret", "Bearer secrets"])
def test_a_token_is_required_where_data_are_returned(serve: Any, path: str, given: str | None) -> None:
    served = serve(token=b"secret")
    headers = {} if given is None else {"authorization": given}
    response = served.ask("POST" if path == "/predict" else "GET", path, headers=headers)
    refused(response, 401, "token")
    assert response.headers["www-authenticate"] == "Bearer"


def test_with_the_token_requests_are_answered_and_health_and_pages_need_none(serve: Any) -> None:
    served = serve(token=b"secret")
    assert served.predict(picture(), headers={"authorization": "Bearer secret"}).status_code == 200
    assert served.ask("GET", "/metrics", headers={"authorization": "bearer secret"}).status_code == 200
    for path in ("/", "/docs", "/health", "/openapi.json", "/assets/try.js", "/assets/page.css"):
        assert served.ask("GET", path).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8000", "", "[::2]:1"]
)
def test_a_host_of_another_name_is_refused(serve: Any, host: str) -> None:
    """DNS rebinding: a page whose own name was made to lead here."""
    served = serve(hosts=frozenset({"localhost", "127.0.0.1", "::1"}))
    refused(served.ask("GET", "/health", headers={"host": host}), 400, "Host")
    for own in ("localhost:8000", "127.0.0.1", "[::1]:80", "LOCALHOST"):
        assert served.ask("GET", "/health", headers={"host": own}).status_code == 200


def test_pages_of_other_sites_may_not_ask(serve: Any) -> None:
    served = serve()
    refused(served.predict(picture(), headers={"sec-fetch-site": "cross-site"}), 403, "other sites")
    assert served.predict(picture(), headers={"sec-fetch-site": "same-origin"}).status_code == 200
    assert (
        served.ask("GET", "/", headers={"sec-fetch-site": "cross-site"}).status_code == 200
    )  # a link that is followed
