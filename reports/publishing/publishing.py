"""Publishing: copy a site to another folder, a git branch or a Space on the Hugging Face Hub."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from harness.system.atomic_files import sha256_of
from reports.site.folder import SUMS_FILE, SiteSummary, published_files, write_site
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
    """Return the files of a site, by path.

    Raises:
        UsageError: If there is no site, or one of its files has changed.
    """
    sums = published_files(folder)
    if not sums:
        raise UsageError(f"{folder} holds no site: there is no {SUMS_FILE} (zoo report writes a site)")
    bad = [name for name, digest in sums.items() if not _is_whole(folder / name, digest)]
    if bad:
        raise UsageError(f"{folder / bad[0]} is missing or has changed since zoo report wrote it; write the site again")
    return {name: (folder / name).read_bytes() for name in (*sums, SUMS_FILE)}


def publish_to_folder(site: Path, target: Path) -> SiteSummary:
    """Copy a site to *target*; files there that no publication wrote stay."""
    return write_site(read_site(site), target)


def publish_to_git(site: Path, remote: str, branch: str) -> str | None:
    """Push a site to a branch of a git repository, as one commit on top of the branch.

    Files of the branch that no publication wrote, such as ``CNAME``, stay. The push is never forced.

    Args:
        site: The site's folder.
        remote: URL of a repository, or name of a remote of the repository in the working directory.
        branch: The branch to push to; it is created if needed.

    Returns:
        The commit, or None if the branch already holds this site.

    Raises:
        StoreError: If git is missing or fails, with the message of git.
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
        (work / ".nojekyll").touch()  # otherwise GitHub leaves out names that start with an underscore
        # Unchanged bytes: converted line ends would not match the checksums.
        _git(work, "-c", "core.autocrlf=false", "add", "--all", "--force")
        if not _git(work, "status", "--porcelain"):
            return None
        _git(work, "commit", "--quiet", "-m", "Publish the leaderboard")
        _git(work, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        return _git(work, "rev-parse", "HEAD")


def publish_to_space(site: Path, space: str, *, title: str, endpoint: str | None = None) -> str:
    """Upload a site to a static Space on the Hugging Face Hub, and return its URL.

    The account is that of ``hf auth login`` or ``$HF_TOKEN``.

    Raises:
        UsageError: If ``huggingface_hub`` is not installed.
        StoreError: If the Hub rejects the upload.
    """
    try:
        from huggingface_hub import CommitOperationAdd, HfApi
    except ImportError:
        raise UsageError("--to hf-space requires huggingface_hub: pip install 'zoobench[hub]'") from None
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
    except Exception as error:  # the client raises many types, of which a user needs only the message
        raise StoreError(f"uploading to {space} failed: {one_line(error, max_length=400)}") from error
    return f"{api.endpoint}/spaces/{space}"


def _yaml(text: str) -> str:
    return json.dumps(one_line(text, max_length=100), ensure_ascii=False)


def _is_whole(path: Path, digest: str) -> bool:
    try:
        return path.is_file() and sha256_of(path) == digest
    except OSError:
        return False


def _git(folder: Path, *arguments: str, check: bool = True) -> str:
    """Run git without prompts, and return its output.

    Raises:
        StoreError: If git is not installed, or fails and *check* is set.
    """
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            capture_output=True,
            check=False,  # the output becomes the sentence below
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )
    except FileNotFoundError:
        raise StoreError("--to github-pages requires git, which is not installed") from None
    if done.returncode and check:
        said = one_line(done.stderr.strip() or done.stdout.strip(), max_length=300)
        raise StoreError(f"git {arguments[0]} failed: {said}")
    return done.stdout.strip() if done.returncode == 0 else ""
