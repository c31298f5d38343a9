"""The plugin index: read from a file, searched by words, and built from metadata."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import threading
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from zoo.api import plugin_index
from zoo.api.plugin_index import VARIABLE, installed_index, read_index, search
from zoo.errors import DataError, UsageError

EXAMPLES = Path(__file__).parents[3] / "examples"
INDEX = EXAMPLES / "plugin_index.json"


def written(tmp_path: Path, *plugins: Any, version: int = 1) -> Path:
    path = tmp_path / "index.json"
    path.write_text(json.dumps({"schema_version": version, "plugins": list(plugins)}))
    return path


def test_words_are_sought_in_names_summaries_keywords_and_plugins(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"distribution": "zoo-b", "summary": "Medical images", "keywords": ["x-ray"], "more": 1},
        {"distribution": "zoo-a", "plugins": ["medusa"], "version": "2"},
    )
    assert [each.distribution for each in search([], path)] == ["zoo-a", "zoo-b"]
    assert [each.distribution for each in search(["MED"], path)] == ["zoo-a", "zoo-b"]
    assert [each.distribution for each in search(["med", "x-ray"], path)] == ["zoo-b"]
    assert search(["med"], path)[0].install_command == "pip install zoo-a"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("no", "is not JSON"),
        ("[]", "has no list of plugins"),
        ('{"schema_version": 9, "plugins": []}', "has schema version 9; this zoo reads 1"),
        ('{"schema_version": 1, "plugins": [{}]}', "entry 1 of the plugin index .* names no distribution"),
        ('{"schema_version": 1, "plugins": [{"distribution": "a; rm -rf x"}]}', "which is no name of a package"),
        ('{"schema_version": 1, "plugins": [{"distribution": "--index-url"}]}', "which is no name of a package"),
        ('{"schema_version": 1, "plugins": [{"distribution": "a", "keywords": "b"}]}', "a field of the wrong type"),
    ],
)
def test_what_is_no_index_is_a_sentence(content: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(DataError, match=sentence):
        read_index(tmp_path / "index.json")


def test_a_missing_file_and_a_plain_url_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.json cannot be read"):
        read_index(tmp_path / "absent.json")
    with pytest.raises(UsageError, match="a URL that begins with https://"):
        read_index("http://example.org/index.json")


def test_the_index_of_the_examples_is_built_from_their_metadata(tmp_path: Path) -> None:
    for path in EXAMPLES.glob("*/pyproject.toml"):
        project = tomllib.loads(path.read_text())["project"]
        info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
            f"Summary: {project['description']}\n"
        )
        points = [f"{name} = {target}" for name, target in project["entry-points"]["zoo"].items()]
        (info / "entry_points.txt").write_text("\n".join(["[zoo]", *points, "[console_scripts]", "x = y:z"]))
    (tmp_path / "other-1.dist-info").mkdir()
    (tmp_path / "other-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n")
    made = installed_index(importlib.metadata.distributions(path=[str(tmp_path)]))
    assert made == INDEX.read_text(encoding="utf-8"), "write it anew into examples/plugin_index.json"


def test_the_command_prints_how_to_install(run_zoo: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert "give --index FILE|URL, or set ZOO_PLUGIN_INDEX" in run_zoo("plugins", "search", "medical").stderr
    told = run_zoo("plugins", "search", "medical", "--index", str(INDEX))
    assert "pip install zoo-medmnist" in told.stdout
    assert "lite" not in told.stdout
    monkeypatch.setenv(VARIABLE, str(INDEX))
    (found,) = json.loads(run_zoo("plugins", "search", "LITE", "--format", "json").stdout)
    assert found["install"] == "pip install zoo-efficientnet-lite"
    none = run_zoo("plugins", "search", "nothing")
    assert (none.exit_code, none.stdout) == (2, "")
    assert json.loads(run_zoo("plugins", "index").stdout)["schema_version"] == 1


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, bytes | str]]]:
    """An HTTP server on this machine: its address, and its pages, of which texts are where they lead to."""
    pages: dict[str, bytes | str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            self.send_response(404 if page is None else 302 if isinstance(page, str) else 200)
            if isinstance(page, str):
                self.send_header("Location", page)
            self.end_headers()
            if isinstance(page, bytes):
                with contextlib.suppress(OSError):  # whoever has read enough hangs up
                    self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = False  # so that closing it waits for every answer
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}", pages
    made.shutdown()
    thread.join()
    made.server_close()


def test_an_index_at_a_url_is_read_like_a_file(
    server: tuple[str, dict[str, bytes | str]], run_zoo: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, pages = server
    monkeypatch.setenv("no_proxy", "*")
    pages["/index.json"] = INDEX.read_bytes()
    pages["/moved.json"] = f"{address}/index.json"
    assert read_index(f"{address}/index.json") == read_index(f"{address}/moved.json") == read_index(INDEX) != []
    told = run_zoo("plugins", "search", "medical", "--index", f"{address}/index.json")
    assert (told.exit_code, "pip install zoo-medmnist" in told.stdout) == (0, True)


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        (b"{", "is not JSON"),
        (b"<html>not here</html>", "is not JSON"),
        (b'{"schema_version": 1, "plugins": []}' + b" " * 1000, "it is larger than 1,000 bytes"),
        (None, "the server answered 404 Not Found"),
    ],
    ids=["broken", "a page", "huge", "absent"],
)
def test_what_a_url_gives_instead_of_an_index_is_a_sentence(
    page: bytes | str | None,
    sentence: str,
    server: tuple[str, dict[str, bytes | str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, pages = server
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(plugin_index, "LIST", plugin_index.LIST._replace(max_bytes=1000))
    if page is not None:
        pages["/index.json"] = page
    with pytest.raises(DataError, match=sentence) as caught:
        read_index(f"{address}/index.json")
    assert str(caught.value).startswith(f"the plugin index {address}/index.json ")


def test_a_page_that_leads_to_one_that_is_not_encrypted_is_refused(
    server: tuple[str, dict[str, bytes | str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, pages = server
    monkeypatch.setenv("no_proxy", "*")
    pages["/moved.json"], pages["/index.json"] = f"{address}/index.json", INDEX.read_bytes()
    monkeypatch.setattr(plugin_index, "_is_secure", lambda url: url.endswith("/moved.json"))
    with pytest.raises(DataError, match=r"it leads to http://127\.0\.0\.1:\d+/index\.json, which is not encrypted"):
        read_index(f"{address}/moved.json")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/index.json", True),
        ("http://localhost:8000/index.json", True),
        ("http://[::1]/index.json", True),
        ("http://example.com/index.json", False),
        ("http://localhost.example.com/index.json", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("http://[", False),
    ],
)
def test_only_encrypted_pages_and_those_of_this_machine_are_read(url: str, expected: bool) -> None:
    assert plugin_index._is_secure(url) is expected
    if not expected:
        with pytest.raises(UsageError, match="expected a file or a URL that begins with https://"):
            read_index(url)
