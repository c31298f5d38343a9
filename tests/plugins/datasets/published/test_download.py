"""Downloads, from a server of the test's own: mirrors, checksums, whole files or none."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.datasets.published.dataset import Resource
from plugins.datasets.published.download import _extract, fetch
from zoo import DataRequest
from zoo.errors import DataError


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; a path with ``short`` in it promises more than it sends."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Serve a file, or the beginning of one."""
        if "short" not in self.path:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"only this")
        return None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server of ``tmp_path / "www"``."""
    folder = tmp_path / "www"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("ZOO_MIRROR", raising=False)


def tar_of(**contents: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(f"set/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def get(tmp_path: Path, *resources: Resource, download: bool = True) -> list[tuple[str, float | None]]:
    heard: list[tuple[str, float | None]] = []
    request = DataRequest(
        root=tmp_path / "root", download=download, report=lambda message, share: heard.append((message, share))
    )
    fetch("toy", resources, request, hint="put its files there, such as set/x")
    return heard


def test_an_archive_is_fetched_checked_and_unpacked_with_progress(server: str, tmp_path: Path) -> None:
    content = tar_of(x=b"hello")
    (tmp_path / "www" / "toy.tar.gz").write_bytes(content)
    heard = get(tmp_path, Resource(urls=(f"{server}/toy.tar.gz",), md5=md5(content), folder="sub"))
    assert (tmp_path / "root" / "sub" / "set" / "x").read_bytes() == b"hello"
    assert ("downloading " + f"{server}/toy.tar.gz", 1.0) in heard
    assert [path.name for path in (tmp_path / "root").rglob(".tmp-*")] == []


def test_a_host_that_fails_or_serves_other_bytes_gives_way_to_the_next(server: str, tmp_path: Path) -> None:
    content = tar_of(x=b"good")
    for folder, data in (("changed", tar_of(x=b"evil")), ("good", content)):
        (tmp_path / "www" / folder).mkdir()
        (tmp_path / "www" / folder / "toy.tar.gz").write_bytes(data)
    urls = tuple(f"{server}/{host}/toy.tar.gz" for host in ("absent", "short", "changed", "good"))
    get(tmp_path, Resource(urls=urls, md5=md5(content)))
    assert (tmp_path / "root" / "set" / "x").read_bytes() == b"good"


def test_without_a_working_host_one_sentence_explains_where_files_go(server: str, tmp_path: Path) -> None:
    (tmp_path / "www" / "toy.tar.gz").write_bytes(b"changed")
    urls = (
        f"{server}/toy.tar.gz",
        f"{server}/absent/toy.tar.gz",
        f"{server}/short/toy.tar.gz",
        "http://127.0.0.1:9/toy",
    )
    with pytest.raises(DataError) as caught:
        get(tmp_path, Resource(urls=urls, md5="0" * 32))
    message = str(caught.value)
    assert message.startswith(f"toy is not in the data root {tmp_path / 'root'} and cannot be downloaded (")
    assert message.endswith("): put its files there, such as set/x")
    for reason in ("its MD5 is", "HTTP Error 404", "9 of 1,000 bytes", "refused"):
        assert reason in message
    assert "\n" not in message
    assert [path for path in (tmp_path / "root").iterdir() if path.suffix != ".lock"] == []


def test_a_length_that_is_not_reached_is_noticed_without_a_checksum(server: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ended after 9 of 1,000 bytes"):
        get(tmp_path, Resource(urls=(f"{server}/short/toy.bin",), unpack=False))


def test_a_mirror_of_the_users_is_tried_first(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = tar_of(x=b"near")
    (tmp_path / "www" / "mine").mkdir()
    (tmp_path / "www" / "mine" / "toy.tar.gz").write_bytes(content)
    monkeypatch.setenv("ZOO_MIRROR", f"{server}/nothing/, {server}/mine")
    get(tmp_path, Resource(urls=("http://127.0.0.1:9/far/toy.tar.gz",), md5=md5(content)))
    assert (tmp_path / "root" / "set" / "x").read_bytes() == b"near"


def test_intact_files_are_not_downloaded_again(tmp_path: Path) -> None:
    content = tar_of(x=b"kept")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "toy.tar.gz").write_bytes(content)
    get(tmp_path, Resource(urls=("http://127.0.0.1:9/toy.tar.gz",), md5=md5(content)))
    assert (tmp_path / "root" / "set" / "x").read_bytes() == b"kept"


def test_an_archive_cannot_write_outside_its_folder(server: str, tmp_path: Path) -> None:
    """Path traversal, as in mlflow's repeated CVEs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../evil"))
    (tmp_path / "www" / "toy.tar").write_bytes(buffer.getvalue())
    with pytest.raises(DataError):
        get(tmp_path, Resource(urls=(f"{server}/toy.tar",)))
    assert not (tmp_path / "evil").exists()
    assert list((tmp_path / "root").rglob("evil")) == []


@pytest.mark.filterwarnings("ignore:Python 3.14:DeprecationWarning")  # of newer versions, which have filters
@pytest.mark.parametrize(
    ("name", "kind", "is_extracted"),
    [
        ("./", tarfile.DIRTYPE, True),
        ("./set/x", tarfile.REGTYPE, True),
        ("set/../../evil", tarfile.REGTYPE, False),
        ("/evil", tarfile.REGTYPE, False),
        ("C:/evil", tarfile.REGTYPE, False),
        ("..\\evil", tarfile.REGTYPE, False),
        ("link", tarfile.SYMTYPE, False),
        ("hard", tarfile.LNKTYPE, False),
        ("device", tarfile.CHRTYPE, False),
    ],
)
def test_archives_are_extracted_as_safely_by_pythons_without_filters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: bytes, is_extracted: bool
) -> None:
    """Python 3.11.2, as Debian 12 has it, knows no ``filter``: every download of a tar file ended in a TypeError."""
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "../../outside"
        archive.addfile(member)
    buffer.seek(0)
    (tmp_path / "out").mkdir()
    with tarfile.open(fileobj=buffer) as archive:
        if is_extracted:
            _extract(archive, tmp_path / "out")
            assert (tmp_path / "out" / name).exists()
        else:
            with pytest.raises(tarfile.ExtractError, match="is not a file or folder inside"):
                _extract(archive, tmp_path / "out")
            assert list((tmp_path / "out").iterdir()) == []


def test_two_archives_may_fill_one_folder(server: str, tmp_path: Path) -> None:
    for number in (1, 2):
        with zipfile.ZipFile(tmp_path / "www" / f"{number}.zip", "w") as archive:
            archive.writestr(f"set/{number}", str(number))
    get(tmp_path, *(Resource(urls=(f"{server}/{number}.zip",), folder="toy") for number in (1, 2)))
    assert sorted(path.name for path in (tmp_path / "root" / "toy" / "set").iterdir()) == ["1", "2"]


def test_a_download_that_is_not_an_archive_gives_one_sentence(server: str, tmp_path: Path) -> None:
    (tmp_path / "www" / "toy.tar.gz").write_bytes(b"<html>sign in first</html>")
    with pytest.raises(DataError, match="cannot be downloaded"):
        get(tmp_path, Resource(urls=(f"{server}/toy.tar.gz",)))


@pytest.mark.parametrize("name", ["a\0b", "/".join(["d"] * 3000)], ids=["NUL", "deep"])
def test_an_archive_whose_reader_raises_anything_gives_one_sentence(server: str, tmp_path: Path, name: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("x")
        info.pax_headers = {"path": name}
        archive.addfile(info)
    (tmp_path / "www" / "toy.tar").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match=r"cannot be (downloaded|stored)"):
        get(tmp_path, Resource(urls=(f"{server}/toy.tar",)))


def test_with_downloads_disabled_the_network_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="downloads are disabled: put its files there"):
        get(tmp_path, Resource(urls=("http://127.0.0.1:9/toy.tar.gz",)), download=False)
