"""Publishing: copy a site to another folder, a git branch or a Space on the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.system.inner_files import read_inner
from harness.system.staging import scratch_folder
from reports.publishing.isolated_git import IsolatedGit, TreeEntry
from reports.site.folder import SiteSummary, parse_sums, revise, write_site
from reports.site.paths import SUMS_FILE, is_site_path
from zoo.errors import StoreError, UsageError
from zoo.files.plain_files import SITE_FILE, SUMS
from zoo.files.sizes import size_text
from zoo.text import one_line

_MAX_BYTES = 2 * 10**9
"""Size of a site; GitHub Pages accepts half of it."""
_NO_JEKYLL = ".nojekyll"
_SPACE_CARD = """\
---
title: {title}
sdk: static
app_file: index.html
---
"""


def read_site(folder: Path) -> dict[str, bytes]:
    """Return the files of a site, by path.

    The site may be a stranger's: a path that no site has, a link, or a file that is not a plain one is an error.

    Raises:
        UsageError: If there is no site, or one of its files has changed or is not part of a site.
        StoreError: If one of its files lies behind a link.
    """
    try:
        sums = read_inner(folder, SUMS_FILE, SUMS)
    except OSError as error:
        raise UsageError(f"{folder / SUMS_FILE} cannot be read: {error.strerror or error}") from error
    listed = parse_sums(sums or b"")
    if sums is None or not listed:
        raise UsageError(f"{folder} holds no site: there is no {SUMS_FILE} (zoo report writes a site)")
    odd = next((name for name in listed if not is_site_path(name) or name == SUMS_FILE), None)
    if odd is not None:
        raise UsageError(f"{folder / SUMS_FILE} lists {odd!r}, which is not a file that zoo report writes")
    files: dict[str, bytes] = {}
    total = 0
    for name, digest in listed.items():
        try:
            content = read_inner(folder, name, SITE_FILE)
        except OSError as error:
            raise UsageError(f"{folder / name} cannot be read: {error.strerror or error}") from error
        if content is None or hashlib.sha256(content).hexdigest() != digest:
            raise UsageError(
                f"{folder / name} is missing or has changed since zoo report wrote it; write the site again"
            )
        total += len(content)
        if total > _MAX_BYTES:
            raise UsageError(f"the site in {folder} is larger than {size_text(_MAX_BYTES)}")
        files[name] = content
    return {**files, SUMS_FILE: sums}


def publish_to_folder(site: Path, target: Path) -> SiteSummary:
    """Copy a site to *target*; files there that no publication wrote stay."""
    return write_site(read_site(site), target)


def publish_to_git(site: Path, remote: str, branch: str) -> str | None:
    """Push a site to a branch of a git repository, as one commit on top of the branch.

    Files of the branch that no publication wrote, such as ``CNAME``, stay. The push is never forced. Nothing is checked
    out, and git runs nothing (see :mod:`reports.publishing.isolated_git`).

    Args:
        site: The site's folder.
        remote: URL of a repository, or name of a remote of the repository in the working directory.
        branch: The branch to push to; it is created if needed.

    Returns:
        The commit, or None if the branch already holds this site.

    Raises:
        StoreError: If git is missing or fails, with the message of git, or a path on the branch leads through a link.
    """
    files = read_site(site)
    try:
        with scratch_folder("publish") as scratch:
            return _commit_and_push(IsolatedGit(scratch), files, remote, branch)
    except OSError as error:
        where = error.filename or tempfile.gettempdir()
        raise StoreError(f"{where} cannot be used for publishing: {error.strerror or error}") from error


def _commit_and_push(git: IsolatedGit, files: dict[str, bytes], remote: str, branch: str) -> str | None:
    base = git.fetch(git.address_of(remote, Path.cwd()), branch)
    entries = {} if base is None else git.entries(base)
    before = _contents(git, entries, [SUMS_FILE], branch)
    sums = parse_sums(before.get(SUMS_FILE, b""))
    listed = {name: digest for name, digest in sums.items() if is_site_path(name)}
    before |= _contents(git, entries, [*files, *listed], branch)
    revision = revise(files, listed, before.get, place=branch)
    written = {name: files[name] for name in revision.written}
    if files[SUMS_FILE] != before.get(SUMS_FILE):
        written[SUMS_FILE] = files[SUMS_FILE]
    if _NO_JEKYLL not in entries:
        written[_NO_JEKYLL] = b""  # otherwise GitHub leaves out names that start with an underscore
    if not written and not revision.removed:
        return None
    commit = git.commit(base, written, revision.removed, "Publish the leaderboard")
    git.push(commit, branch)
    return commit


def _contents(
    git: IsolatedGit, entries: Mapping[str, TreeEntry], names: Iterable[str], branch: str
) -> dict[str, bytes]:
    """Return the contents of those of the files *names* that are on a branch.

    Raises:
        StoreError: If a part of a path is a link or another repository, or a file is too large.
    """
    found = {}
    for name in names:
        parts = name.split("/")
        above = ("/".join(parts[:count]) for count in range(1, len(parts)))
        odd = next((each for each in above if each in entries and not entries[each].is_folder), None)
        if odd is None and name in entries and not entries[name].is_file:
            odd = name
        if odd is not None:
            raise StoreError(f"{odd} on {branch} is a link or not a plain file: remove it, or choose another branch")
        if name in entries:
            found[name] = entries[name].object
    contents = git.contents(found.values(), SITE_FILE)
    return {name: contents[identity] for name, identity in found.items()}


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
    except Exception as error:  # the client raises many types; a user needs the message only
        raise StoreError(f"uploading to {space} failed: {one_line(error, max_length=400)}") from error
    return f"{api.endpoint}/spaces/{space}"


def _yaml(text: str) -> str:
    return json.dumps(one_line(text, max_length=100), ensure_ascii=False)
