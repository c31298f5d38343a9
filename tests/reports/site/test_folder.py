"""The folder of a site: what a new publication overwrites, removes and leaves alone."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reports.site.folder import write_site
from reports.site.paths import SUMS_FILE
from zoo.errors import StoreError

from .conftest import MakeSite, StoreMaker


def _content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_publishing_again_over_the_same_records_changes_nothing(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    before = _content(folder)
    _, summary = make_site(filled)
    assert _content(folder) == before
    assert summary.num_removed == 0


def test_the_sums_are_those_of_all_files(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    listed = dict(
        reversed(line.split("  ", 1)) for line in (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines()
    )
    content = _content(folder)
    assert set(listed) == set(content) - {SUMS_FILE}
    assert all(hashlib.sha256(content[name]).hexdigest() == digest for name, digest in listed.items())


def test_a_row_that_is_gone_takes_its_page_along(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    (folder / "CNAME").write_text("zoo.example\n")
    removed = list(filled.root.glob("net3--other--*"))
    assert removed
    assert list((folder / "rows").glob("net3--other--*"))
    for path in removed:
        shutil.rmtree(path)
    _, summary = make_site(filled)
    assert summary.num_removed == 2  # the row's page, and that of its dataset
    assert not list((folder / "rows").glob("net3--other--*"))
    assert (folder / "CNAME").is_file(), "what no publication wrote stays"


def test_a_file_that_no_publication_wrote_is_not_overwritten(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    own = folder.parent / "own"
    own.mkdir()
    (own / "index.html").write_text("mine")
    with pytest.raises(StoreError, match=r"index\.html exists and is not part of a site"):
        make_site(filled, "own")
    assert [path.name for path in own.iterdir()] == ["index.html"]


FILES = {
    "index.html": b"<!doctype html>" * 1000,
    "rows/a.html": b"a" * 20_000,
    SUMS_FILE: b"".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode()
        for name, content in {"index.html": b"<!doctype html>" * 1000, "rows/a.html": b"a" * 20_000}.items()
    ),
}


def test_a_full_disk_leaves_the_earlier_site_whole_and_nothing_to_clean(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    write_site(
        {"index.html": b"old", SUMS_FILE: f"{hashlib.sha256(b'old').hexdigest()}  index.html\n".encode()}, folder
    )
    before = _content(folder)
    done = subprocess.run([sys.executable, "-c", _FULL, str(folder)], capture_output=True, encoding="utf-8", timeout=60)
    assert "cannot be written: File too large" in done.stdout, done.stderr
    assert _content(folder) == before
    write_site(FILES, folder)
    assert _content(folder) == FILES


def test_a_first_publication_on_a_full_disk_can_be_repeated(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    done = subprocess.run([sys.executable, "-c", _FULL, str(folder)], capture_output=True, encoding="utf-8", timeout=60)
    assert "cannot be written: File too large" in done.stdout, done.stderr
    assert _content(folder) == {}
    write_site({**FILES, "index.html": b"other"}, folder)


_WRITE = """
from pathlib import Path
from reports.site.folder import write_site
from zoo.errors import StoreError
import hashlib, os, resource, signal, sys
files = {"index.html": b"<!doctype html>" * 1000, "rows/a.html": b"a" * 20_000}
sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\\n" for name, content in files.items())
files["SHA256SUMS"] = sums.encode()
"""
_FULL = f"""{_WRITE}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, 16_000))  # the second file is larger
try:
    write_site(files, Path(sys.argv[1]))
except StoreError as error:
    print(error)
"""
_KILLED = f"""{_WRITE}
left = int(sys.argv[2])
def counted(call):
    def wrapper(*args, **kwargs):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)
    return wrapper
os.replace, os.unlink, Path.mkdir, Path.unlink = map(counted, (os.replace, os.unlink, Path.mkdir, Path.unlink))
write_site(files, Path(sys.argv[1]))
"""


@pytest.mark.parametrize("calls", range(1, 8))
def test_a_kill_at_any_step_is_repaired_by_writing_again(tmp_path: Path, calls: int) -> None:
    """The process dies at the first, second, … call that changes the folder."""
    folder = tmp_path / "site"
    old = {"index.html": b"old", "rows/gone.html": b"gone"}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in old.items())
    write_site({**old, SUMS_FILE: sums.encode()}, folder)
    (folder / "CNAME").write_bytes(b"mine")
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(folder), str(calls)], capture_output=True, encoding="utf-8", timeout=60
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    other = {**FILES, "index.html": b"records have changed meanwhile"}
    other[SUMS_FILE] = b"".join(
        f"{hashlib.sha256(other[name]).hexdigest()}  {name}\n".encode() for name in ("index.html", "rows/a.html")
    )
    write_site(other, folder)
    assert _content(folder) == {**other, "CNAME": b"mine"}
    assert sorted(path.name for path in folder.iterdir()) == ["CNAME", SUMS_FILE, "index.html", "rows"]
