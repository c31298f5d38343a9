"""Publishing: a site that was written, into another folder, a git branch, or a space on the Hugging Face hub."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from harness.system.atomic_files import sha256_of
from reports.site.build import SUMS_FILE, SiteSummary, published_files, write_site
from zoo.errors import StoreError, UsageError
from zoo.text import one_line

_SPACE_CARD = """\
---
title: {title}
sdk: static
app_file: index.html
---
"""


def read_site(folder: Path) -> dict[str, bytes]:
    """Return the files of a site, by their paths.

    Raises:
        UsageError: If there is no site, or a file of it is not what was written.
    """
    sums = published_files(folder)
    if not sums:
        raise UsageError(f"{folder} holds no site: there is no {SUMS_FILE} (zoo report writes one)")
    bad = [name for name, digest in sums.items() if not _is_whole(folder / name, digest)]
    if bad:
        raise UsageError(f"{folder / bad[0]} is missing or not what zoo report wrote; write the site again")
    return {name: (folder / name).read_bytes() for name in (*sums, SUMS_FILE)}


def publish_to_folder(site: Path, target: Path) -> SiteSummary:
    """Copy a site into *target*; files there that no publication wrote stay."""
    return write_site(read_site(site), target)


def publish_to_git(site: Path, remote: str, branch: str) -> str | None:
    """Push a site to a branch of a git repository, as one commit on top of what is there.

    Files of the branch that no publication wrote, such as ``CNAME``, stay. Nothing is forced.

    Args:
        site: The site's folder.
        remote: A repository's address, or the name of a remote of the repository that the working folder is in.
        branch: The branch to push to; made where there is none.

    Returns:
        The commit, or None where the branch holds the site already.

    Raises:
        StoreError: If git is missing or fails; with what git said.
    """
    files = read_site(site)
    known = _git(Path.cwd(), "remote", "get-url", remote, check=False)
    address = known or remote
    if not known and Path(address).exists():
        address = str(Path(address).resolve())
    with tempfile.TemporaryDirectory(prefix="zoo-publish-") as scratch:
        work = Path(scratch)
        _git(work, "init", "--quiet")
        _git(work, "remote", "add", "origin", address)
        if _git(work, "ls-remote", "--heads", "origin", branch):
            _git(work, "fetch", "--quiet", "--depth", "1", "origin", branch)
            _git(work, "checkout", "--quiet", "-b", branch, "FETCH_HEAD")
        else:
            _git(work, "checkout", "--quiet", "--orphan", branch)
        write_site(files, work)
        (work / ".nojekyll").touch()  # GitHub would leave out what begins with an underscore
        # Bytes as they are: sums of files whose line ends were changed would not fit.
        _git(work, "-c", "core.autocrlf=false", "add", "--all", "--force")
        if not _git(work, "status", "--porcelain"):
            return None
        _git(work, "commit", "--quiet", "-m", "Publish the leaderboard")
        _git(work, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        return _git(work, "rev-parse", "HEAD")


def publish_to_space(site: Path, space: str, *, title: str, endpoint: str | None = None) -> str:
    """Upload a site to a static space of the Hugging Face hub, and return its address.

    Who publishes is who ``hf auth login`` or ``$HF_TOKEN`` says.

    Raises:
        UsageError: If ``huggingface_hub`` is not installed.
        StoreError: If the hub refuses.
    """
    try:
        from huggingface_hub import CommitOperationAdd, HfApi
    except ImportError:
        raise UsageError("--to hf-space needs the extra: pip install 'zoobench[hub]'") from None
    files = read_site(site)
    if "README.md" not in files:
        files["README.md"] = _SPACE_CARD.format(title=_yaml(title)).encode("utf-8")
    api = HfApi(endpoint=endpoint)
    try:
        api.create_repo(space, repo_type="space", space_sdk="static", exist_ok=True)
        api.create_commit(
            space,
            repo_type="space",
            operations=[
                CommitOperationAdd(path_in_repo=name, path_or_fileobj=content) for name, content in files.items()
            ],
            commit_message="Publish the leaderboard",
        )
    except Exception as error:  # the hub's client raises many kinds, of which a person needs the sentence
        raise StoreError(f"the hub did not take {space}: {one_line(error, max_length=400)}") from error
    return f"{api.endpoint}/spaces/{space}"


def _yaml(text: str) -> str:
    return json.dumps(one_line(text, max_length=100), ensure_ascii=False)


def _is_whole(path: Path, digest: str) -> bool:
    try:
        return path.is_file() and sha256_of(path) == digest
    except OSError:
        return False


def _git(folder: Path, *arguments: str, check: bool = True) -> str:
    """Run git, which never asks anything, and return what it printed.

    Raises:
        StoreError: If it is not there, or fails and *check* is set.
    """
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            capture_output=True,
            check=False,  # what git said becomes the sentence below
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )
    except FileNotFoundError:
        raise StoreError("git is not installed, and --to github-pages needs it") from None
    if done.returncode and check:
        said = one_line(done.stderr.strip() or done.stdout.strip(), max_length=300)
        raise StoreError(f"git {arguments[0]} failed: {said}")
    return done.stdout.strip() if done.returncode == 0 else ""
