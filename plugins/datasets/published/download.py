"""Downloads: fetching an archive from the first host that serves it completely, checking it, and unpacking it at once.

``ZOO_MIRROR`` may contain comma-separated base addresses to try before the usual hosts; a file named ``x.tar.gz`` is
expected at ``BASE/x.tar.gz``.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from plugins.datasets.published.dataset import Resource
from zoo import DataRequest
from zoo.errors import DataError
from zoo.files.plain_files import PACK, open_plain
from zoo.text import error_text

_TIMEOUT_SECONDS = 30
_BLOCK = 1 << 20
_TEMPORARY_PREFIX = ".tmp-"
_NETWORK_ERRORS = (urllib.error.URLError, TimeoutError, ConnectionError)


class DownloadError(Exception):
    """A file cannot be downloaded; the message lists the hosts and the reasons."""


def fetch(name: str, resources: Iterable[Resource], request: DataRequest, *, hint: str) -> None:
    """Download and unpack those *resources* that are not in the data root.

    Args:
        hint: Instructions for putting the files in place by hand, for the error.

    Raises:
        DataError: If a resource cannot be downloaded.
    """
    missing = f"{name} is not in the data root {request.root}"
    if not request.download:
        raise DataError(f"{missing}, and downloads are disabled: {hint}")
    try:
        from filelock import FileLock

        request.root.mkdir(parents=True, exist_ok=True)
        with FileLock(request.root / f".{name}.lock"):
            for resource in resources:
                _fetch_one(resource, request)
    except (DownloadError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise DataError(f"{missing} and cannot be downloaded ({error}): {hint}") from error
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{missing}, and a download cannot be stored there ({reason}): {hint}") from error


def _fetch_one(resource: Resource, request: DataRequest) -> None:
    folder = request.root / resource.folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / resource.filename
    if not (path.is_file() and (not resource.md5 or _md5(path) == resource.md5)):
        _download(resource, path, request)
    if resource.unpack:
        request.report(f"unpacking {path.name}", None)
        _unpack(path, folder)


def _download(resource: Resource, path: Path, request: DataRequest) -> None:
    """Download to a temporary name, trying one host after another, and rename the file when it is complete."""
    bases = [base.strip().rstrip("/") for base in os.environ.get("ZOO_MIRROR", "").split(",")]
    urls = [f"{base}/{resource.filename}" for base in bases if base] + list(resource.urls)
    problems: dict[str, list[str]] = {}
    for url in urls:
        handle, name = tempfile.mkstemp(prefix=_TEMPORARY_PREFIX, dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                digest = _receive(url, file, request)
            if resource.md5 and digest != resource.md5:
                raise DownloadError(f"its MD5 is {digest}, not {resource.md5}")
            temporary.chmod(0o644)
            temporary.replace(path)
            return
        except (DownloadError, http.client.HTTPException, *_NETWORK_ERRORS) as error:
            reason: object = error
            if isinstance(error, urllib.error.HTTPError):
                error.close()  # it keeps the connection open
            elif isinstance(error, urllib.error.URLError):
                reason = error.reason
            problems.setdefault(" ".join(str(reason).split()) or type(error).__name__, []).append(url)
        finally:
            temporary.unlink(missing_ok=True)
    raise DownloadError("; ".join(f"{', '.join(hosts)}: {reason}" for reason, hosts in problems.items()))


def _receive(url: str, file: object, request: DataRequest) -> str:
    """Download *url* to *file* and return the MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    agent = urllib.request.Request(url, headers={"User-Agent": "zoobench"})
    with urllib.request.urlopen(agent, timeout=_TIMEOUT_SECONDS) as response:
        total = int(response.headers.get("Content-Length") or 0)
        received = 0
        while block := response.read(_BLOCK):
            file.write(block)  # type: ignore[attr-defined]
            digest.update(block)
            received += len(block)
            request.report(f"downloading {url}", received / total if total else None)
    if total and received != total:
        raise DownloadError(f"the connection ended after {received:,} of {total:,} bytes")
    return digest.hexdigest()


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack into a temporary folder beside *folder*, then move the content into place."""
    temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX, dir=folder))
    try:
        if zipfile.is_zipfile(archive):
            with open_plain(archive, PACK) as file, zipfile.ZipFile(file) as zipped:
                zipped.extractall(temporary)
        else:
            with open_plain(archive, PACK) as file, tarfile.open(fileobj=file) as tarred:
                _extract(tarred, temporary)
        for path in sorted(temporary.iterdir()):
            target = folder / path.name
            if target.is_dir() and not target.is_symlink():
                # Several archives may share a folder (GTSRB's training and test images).
                shutil.copytree(path, target, dirs_exist_ok=True)
            else:
                path.replace(target)
    except (OSError, tarfile.TarError, zipfile.BadZipFile):
        raise
    except Exception as error:  # a damaged archive may make its reader raise anything
        raise tarfile.ReadError(f"{archive.name} is damaged: {error_text(error)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Extract an archive; a member that leads out of *folder* is an error, and so are devices.

    Raises:
        tarfile.TarError: If there is such a member.
    """
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
        return
    # Python before 3.11.4 has no filters. The archives of datasets hold files and folders only, so links are refused.
    for member in archive.getmembers():
        path = PurePosixPath(member.name.replace("\\", "/"))
        is_inside = not (path.is_absolute() or ".." in path.parts or ":" in member.name)
        if not is_inside or not (member.isfile() or member.isdir()):
            raise tarfile.ExtractError(f"{member.name!r} is not a file or folder inside the archive's own folder")
        member.mode = 0o755 if member.isdir() else 0o644
    archive.extractall(folder)


def _md5(path: Path) -> str:
    with open_plain(path, PACK) as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
