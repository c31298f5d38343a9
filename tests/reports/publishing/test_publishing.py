"""Publishing to a folder, a git branch, and a space of the hub, none of which needs a network here."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from reports.publishing.publishing import publish_to_folder, publish_to_git, read_site
from zoo.errors import StoreError, UsageError

from .conftest import MakeSite, StoreMaker


@pytest.fixture
def site(store: StoreMaker, make_site: MakeSite) -> Path:
    store.add("net")
    return make_site(store)[0]


def test_a_folder_holds_what_the_site_holds_and_keeps_its_own(site: Path, tmp_path: Path) -> None:
    target = tmp_path / "www"
    target.mkdir()
    (target / "robots.txt").write_text("own")
    publish_to_folder(site, target)
    assert read_site(target) == read_site(site)
    assert (target / "robots.txt").read_text() == "own"


def test_a_site_that_was_changed_is_not_published(site: Path, tmp_path: Path) -> None:
    (site / "index.html").write_text("changed")
    with pytest.raises(UsageError, match=r"index\.html is missing or has changed since zoo report wrote it"):
        publish_to_folder(site, tmp_path / "www")
    with pytest.raises(UsageError, match="holds no site"):
        publish_to_folder(tmp_path, tmp_path / "www")


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bare repository, and a git that knows who commits and reads nobody's settings."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A Person")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "person@zoo.example")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    path = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(path)], check=True)
    return path


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, encoding="utf-8", check=True)
    return done.stdout.strip()


def test_a_git_branch_gets_one_commit_for_each_publication(
    site: Path, remote: Path, store: StoreMaker, make_site: MakeSite
) -> None:
    first = publish_to_git(site, str(remote), "gh-pages")
    assert first is not None
    assert _git(remote, "rev-parse", "gh-pages") == first
    listed = set(_git(remote, "ls-tree", "-r", "--name-only", "gh-pages").splitlines())
    assert listed == {*read_site(site), ".nojekyll"}
    assert publish_to_git(site, str(remote), "gh-pages") is None, "nothing changed, so nothing is pushed"
    store.add("better", skill=5.0)
    make_site(store)
    second = publish_to_git(site, str(remote), "gh-pages")
    assert _git(remote, "rev-parse", "gh-pages~1") == first
    assert "rows/better" in _git(remote, "diff", "--name-only", first, str(second))


def test_files_of_the_branch_that_are_nobody_elses_stay(site: Path, remote: Path, tmp_path: Path) -> None:
    publish_to_git(site, str(remote), "gh-pages")
    clone = tmp_path / "clone"
    _git(tmp_path, "clone", "--quiet", "--branch", "gh-pages", str(remote), str(clone))
    (clone / "CNAME").write_text("zoo.example\n")
    (clone / "index.html").write_text("vandalised")
    _git(clone, "commit", "--quiet", "--all", "-m", "x", "--allow-empty")
    _git(clone, "add", "CNAME")
    _git(clone, "commit", "--quiet", "-m", "own")
    _git(clone, "push", "--quiet")
    publish_to_git(site, str(remote), "gh-pages")
    assert _git(remote, "show", "gh-pages:CNAME") == "zoo.example"
    assert _git(remote, "show", "gh-pages:index.html").startswith("<!doctype html>")


def test_what_git_says_is_said(site: Path, remote: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"git ls-remote failed: .*nowhere"):
        publish_to_git(site, str(tmp_path / "nowhere.git"), "gh-pages")


class _Hub(BaseHTTPRequestHandler):
    """As much of the hub as an upload needs."""

    calls: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.calls.append((self.path, body))
        if self.path == "/api/repos/create":
            answer: dict[str, object] = {"url": f"http://{self.headers['Host']}/spaces/me/board"}
        elif "/preupload/" in self.path:
            files = [each["path"] for each in json.loads(body)["files"]]
            answer = {"files": [{"path": each, "uploadMode": "regular", "shouldIgnore": False} for each in files]}
        else:
            answer = {"commitUrl": f"http://{self.headers['Host']}/spaces/me/board/commit/abc", "commitOid": "abc"}
        self._answer(answer)

    def do_GET(self) -> None:
        self.calls.append((self.path, b""))
        self._answer({})

    def _answer(self, answer: dict[str, object]) -> None:
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A hub on this machine, and what it was asked."""
    calls: list[tuple[str, bytes]] = []
    server = HTTPServer(("127.0.0.1", 0), type("Hub", (_Hub,), {"calls": calls}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", calls
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_space_gets_every_file_and_says_that_it_is_static(
    site: Path, hub: tuple[str, list[tuple[str, bytes]]], zoo_script: Path
) -> None:
    pytest.importorskip("huggingface_hub")
    endpoint, calls = hub
    variables = {
        **{key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")},
        "HF_ENDPOINT": endpoint,
        "HF_HUB_OFFLINE": "0",
        "HF_TOKEN": "hf_made_up",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    done = subprocess.run(
        [
            sys.executable,
            zoo_script,
            "publish",
            str(site),
            "--to",
            "hf-space",
            "--at",
            "me/board",
            "--title",
            'A "zoo"',
        ],
        capture_output=True,
        encoding="utf-8",
        env=variables,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{endpoint}/spaces/me/board"
    (created,) = (json.loads(body) for path, body in calls if path == "/api/repos/create")
    assert (created["type"], created["sdk"], created["name"]) == ("space", "static", "board")
    (commit,) = (body for path, body in calls if path.startswith("/api/spaces/me/board/commit/"))
    lines = [json.loads(line) for line in commit.splitlines()]
    sent = {
        each["value"]["path"]: base64.b64decode(each["value"]["content"]) for each in lines if each["key"] == "file"
    }
    assert set(sent) == {*read_site(site), "README.md"}
    assert sent["index.html"] == (site / "index.html").read_bytes()
    assert sent["README.md"].decode().startswith('---\ntitle: "A \\"zoo\\""\nsdk: static\n')
