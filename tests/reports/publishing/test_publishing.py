"""Publishing to a folder, a git branch, and a space of the hub, none of which needs a network here."""

from __future__ import annotations

import base64
import hashlib
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
from reports.site.paths import SUMS_FILE
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


def test_unrelated_files_of_the_branch_stay(site: Path, remote: Path, tmp_path: Path) -> None:
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


def test_errors_of_git_are_passed_on(site: Path, remote: Path, tmp_path: Path) -> None:
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


# A stranger's site: what its checksums may list, and what git must not run.


def _forge(site: Path, files: dict[str, bytes]) -> None:
    """Add files to a site, with checksums that fit."""
    lines = []
    for name, content in files.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    with (site / SUMS_FILE).open("a", encoding="utf-8") as sums:
        sums.write("".join(lines))


@pytest.fixture
def small_site(tmp_path: Path) -> Path:
    """A site of two files."""
    folder = tmp_path / "site"
    folder.mkdir()
    _forge(folder, {"index.html": b"<!doctype html>", "leaderboard.json": b"{}"})
    return folder


def _runs(command: Path) -> bytes:
    return f'[core]\n\trepositoryformatversion = 0\n\tfsmonitor = "touch {command} #"\n'.encode()


@pytest.mark.parametrize("name", [".git/config", "rows/../.git/config", ".g\u200cit/config", "CNAME"])
def test_a_site_may_list_only_files_that_sites_have(small_site: Path, remote: Path, tmp_path: Path, name: str) -> None:
    with (small_site / SUMS_FILE).open("a", encoding="utf-8") as sums:
        sums.write(f"{'0' * 64}  {name}\n")
    for publish in (
        lambda: publish_to_folder(small_site, tmp_path / "www"),
        lambda: publish_to_git(small_site, str(remote), "b"),
    ):
        with pytest.raises(UsageError, match="which is not a file that zoo report writes"):
            publish()
    assert not (tmp_path / "www").exists()
    assert not _git(remote, "branch")


@pytest.mark.parametrize("name", [".git/config", ".GIT/config"])
def test_the_configuration_in_a_site_never_runs(small_site: Path, remote: Path, tmp_path: Path, name: str) -> None:
    _forge(small_site, {name: _runs(tmp_path / "ran"), ".git/HEAD": b"ref: refs/heads/x\n"})
    with pytest.raises(UsageError):
        publish_to_git(small_site, str(remote), "gh-pages")
    assert not (tmp_path / "ran").exists()


def test_a_common_folder_in_a_site_never_runs(small_site: Path, remote: Path, tmp_path: Path) -> None:
    _forge(
        small_site,
        {".git/commondir": b"../cd\n", "cd/config": _runs(tmp_path / "ran"), ".git/HEAD": b"ref: refs/heads/x\n"},
    )
    with pytest.raises(UsageError):
        publish_to_git(small_site, str(remote), "gh-pages")
    assert not (tmp_path / "ran").exists()


def test_git_runs_nothing_of_the_branch_the_settings_or_the_environment(
    small_site: Path, remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    template = tmp_path / "template"
    settings = tmp_path / "settings"
    for hook in (
        "pre-commit",
        "post-commit",
        "pre-push",
        "reference-transaction",
        "post-index-change",
        "post-checkout",
    ):
        path = template / "hooks" / hook
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch {ran}\n")
        path.chmod(0o755)
    settings.write_text(
        f'[core]\n\tfsmonitor = "touch {ran} #"\n\thooksPath = {template}/hooks\n'
        f"\tattributesFile = {tmp_path}/attributes\n"
        f'\tsshCommand = "touch {ran} #"\n[init]\n\ttemplateDir = {template}\n'
        f'[filter "x"]\n\tclean = "touch {ran}; cat"\n'
        f'\tsmudge = "touch {ran}; cat"\n\trequired = true\n[protocol "ext"]\n\tallow = always\n'
    )
    (tmp_path / "attributes").write_text("* filter=x\n")
    clone = tmp_path / "clone"
    _git(tmp_path, "clone", "--quiet", str(remote), str(clone))
    (clone / ".gitattributes").write_text("* filter=x\n")
    _git(clone, "checkout", "--quiet", "-b", "gh-pages")
    _git(clone, "add", "--all")
    _git(clone, "commit", "--quiet", "-m", "attributes")
    _git(clone, "push", "--quiet", "origin", "gh-pages")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.fsmonitor")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"touch {ran} #")
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(template))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", f"touch {ran} #")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert publish_to_git(small_site, str(remote), "gh-pages") is not None
    with pytest.raises(StoreError, match="transport 'ext' not allowed"):
        publish_to_git(small_site, f"ext::touch {ran}", "gh-pages")
    assert not ran.exists()
    assert not (tmp_path / "elsewhere").exists()
    monkeypatch.delenv("GIT_DIR")
    assert _git(remote, "show", "gh-pages:.gitattributes") == "* filter=x"


@pytest.mark.parametrize("branch", ["--upload-pack=x", "a b", "", "a..b", "refs/../x"])
def test_a_branch_must_have_the_name_of_a_branch(small_site: Path, remote: Path, branch: str) -> None:
    with pytest.raises(UsageError, match="expected the name of a git branch"):
        publish_to_git(small_site, str(remote), branch)


# Links at the target: nothing is read, written or removed through one.


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A folder that no publication may touch."""
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "x.html").write_text("mine")
    return folder


def _linked_target(folder: Path, precious: Path, link: str) -> None:
    """Make a folder with a link that lists, with a checksum that fits, what lies behind the link."""
    folder.mkdir(parents=True, exist_ok=True)
    content = (precious / "x.html").read_bytes()
    (folder / link).symlink_to(precious if link == "rows" else precious / "x.html")
    name = "rows/x.html" if link == "rows" else link
    (folder / SUMS_FILE).write_text(f"{hashlib.sha256(content).hexdigest()}  {name}\n")


@pytest.mark.parametrize("link", ["rows", "index.html", "leaderboard.json", "CHANGELOG.md"])
def test_a_link_in_the_target_is_refused(small_site: Path, precious: Path, tmp_path: Path, link: str) -> None:
    _linked_target(tmp_path / "www", precious, link)
    before = sorted(path.name for path in (tmp_path / "www").iterdir())
    with pytest.raises(StoreError, match=rf"{link} is a link, which could lead anywhere"):
        publish_to_folder(small_site, tmp_path / "www")
    assert sorted(path.name for path in (tmp_path / "www").iterdir()) == before
    assert [path.read_text() for path in precious.iterdir()] == ["mine"]


def test_checksums_that_are_a_link_are_neither_read_nor_written(
    small_site: Path, precious: Path, tmp_path: Path
) -> None:
    www = tmp_path / "www"
    www.mkdir()
    (www / SUMS_FILE).symlink_to(precious / "x.html")
    with pytest.raises(StoreError, match="SHA256SUMS is a link"):
        publish_to_folder(small_site, www)
    assert (precious / "x.html").read_text() == "mine"


@pytest.mark.parametrize("link", ["rows", "index.html", SUMS_FILE])
def test_a_link_on_the_branch_is_refused(
    small_site: Path, remote: Path, precious: Path, tmp_path: Path, link: str
) -> None:
    clone = tmp_path / "clone"
    _git(tmp_path, "clone", "--quiet", str(remote), str(clone))
    if link == SUMS_FILE:
        (clone / link).symlink_to(precious / "x.html")
    else:
        _linked_target(clone, precious, link)
    _git(clone, "checkout", "--quiet", "-b", "gh-pages")
    _git(clone, "add", "--all")
    _git(clone, "commit", "--quiet", "-m", "links")
    _git(clone, "push", "--quiet", "origin", "gh-pages")
    with pytest.raises(StoreError, match=rf"{link} on gh-pages is a link or not a plain file"):
        publish_to_git(small_site, str(remote), "gh-pages")
    assert [path.read_text() for path in precious.iterdir()] == ["mine"]


def test_a_site_with_a_link_is_not_published(small_site: Path, precious: Path, tmp_path: Path) -> None:
    (small_site / "rows").mkdir()
    (small_site / "rows" / "secret.html").symlink_to(precious / "x.html")
    with (small_site / SUMS_FILE).open("a", encoding="utf-8") as sums:
        sums.write(f"{hashlib.sha256(b'mine').hexdigest()}  rows/secret.html\n")
    with pytest.raises(StoreError, match=r"secret\.html is a link"):
        publish_to_folder(small_site, tmp_path / "www")


def test_only_what_a_publication_wrote_is_removed(small_site: Path, tmp_path: Path) -> None:
    www = tmp_path / "www"
    _forge(www, {"rows/old.html": b"old", "rows/edited.html": b"as published", "notes.html": b"mine"})
    (www / "rows" / "edited.html").write_text("edited since")
    summary = publish_to_folder(small_site, www)
    assert not (www / "rows" / "old.html").exists()
    assert (www / "rows" / "edited.html").read_text() == "edited since"
    assert (www / "notes.html").read_text() == "mine", "no site has such a file"
    assert (summary.num_removed, summary.kept) == (1, ("rows/edited.html",))
