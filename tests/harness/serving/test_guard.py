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
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8000", "", "[::2]:1", "[::1", "[::1]x"]
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


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://localhost.evil.example", "null", "file://", "", "http://evil.example:8000"],
)
def test_browsers_that_send_an_origin_only_may_not_ask_for_other_sites(serve: Any, origin: str) -> None:
    served = serve()
    refused(served.predict(picture(), headers={"origin": origin}), 403, "other sites")
    assert served.predict(picture(), headers={"origin": origin, "sec-fetch-site": "same-origin"}).status_code == 200


def test_the_origin_of_the_servers_own_page_may_ask(serve: Any) -> None:
    served = serve(hosts=frozenset({"localhost", "board.example"}))
    for origin in ("http://localhost", "http://localhost:8000", "https://board.example", "HTTPS://BOARD.EXAMPLE"):
        assert served.predict(picture(), headers={"origin": origin}).status_code == 200, origin


def test_two_lengths_of_one_body_are_refused(serve: Any) -> None:
    served = serve()
    headers = {"content-length": "5", "transfer-encoding": "chunked", "content-type": "image/png"}
    response = served.ask("POST", "/predict", content=b"hello", headers=headers)
    refused(response, 400, "both Content-Length and Transfer-Encoding")
    assert response.headers["connection"] == "close"


def test_more_headers_than_any_client_sends_are_431(serve: Any) -> None:
    served = serve()
    assert served.ask("GET", "/health", headers={f"x-{number}": "1" for number in range(80)}).status_code == 200
    response = served.ask("GET", "/health", headers={f"x-{number}": "1" for number in range(101)})
    refused(response, 431, "more than 100 headers")
