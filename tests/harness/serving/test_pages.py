"""Pages: they load nothing from elsewhere."""

from __future__ import annotations

from typing import Any


def test_pages_fetch_nothing_from_elsewhere_and_declare_it(serve: Any) -> None:
    served = serve()
    for path in ("/", "/docs", "/assets/try.js", "/assets/api.js", "/assets/page.css"):
        response = served.ask("GET", path)
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        words = response.text.replace("http://www.w3.org/2000/svg", "")
        assert "://" not in words
        assert "innerHTML" not in words
        assert " style=" not in words
        assert "onclick" not in words
