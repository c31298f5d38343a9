"""Isolated git: a bare repository of zoo's own, in which git runs nothing and reads nobody's settings.

There is no work tree: files become blobs and trees without lying on the disk, so no link is followed, no attribute or
filter applies, and nothing in a site or a branch can be taken for a part of the repository.

==============================================  ==================================================================
git does not read                               system and global configuration, templates, variables ``GIT_*``
                                                other than those of :data:`_VARIABLES`
git does not run                                hooks, fsmonitor, filters, the ``ext::`` transport, maintenance
git is given                                    ``credential.*``, ``user.name``, ``user.email`` and
                                                ``safe.directory`` of the system and global configuration
==============================================  ==================================================================

Credential helpers are needed to push, and are those that the user has configured for every repository. The
configuration of the repository in the working directory is only asked for the address of a remote.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import StoreError, UsageError
from zoo.files.plain_files import Kind
from zoo.files.sizes import size_text
from zoo.text import one_line

_VARIABLES = re.compile(
    r"GIT_(?:(?:AUTHOR|COMMITTER)_(?:NAME|EMAIL|DATE)|SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|HTTP_.*|SSL_.*|PROXY_.*)"
)
"""Variables of the user about identity and transport."""
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "protocol.ext.allow": "never",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "push.recurseSubmodules": "no",
    "commit.gpgSign": "false",
    "push.gpgSign": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
}
_KEPT_SETTINGS = r"^(credential\..*|user\.(name|email)|safe\.directory)$"
_FILE_MODE = "100644"


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeEntry:
    """An entry of a tree."""

    mode: str
    object: str

    @property
    def is_file(self) -> bool:
        """Whether it is a plain file, and not a link, a folder or another repository."""
        return self.mode in (_FILE_MODE, "100755")

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.mode == "040000"


class IsolatedGit:
    """A new bare repository.

    Args:
        scratch: An empty folder that nobody else can write.

    Raises:
        StoreError: If git is not installed or fails.
    """

    def __init__(self, scratch: Path) -> None:
        self._repository = scratch / "repository"
        self._settings = scratch / "settings"
        self._settings.touch()
        self._keep_settings()
        self._run("init", "--quiet", "--bare", "--template=", str(self._repository), inside=False)

    def address_of(self, remote: str, folder: Path) -> str:
        """Return the address that *remote* stands for: that of a remote of the repository in *folder*, or itself."""
        known = self._ask(folder, "remote", "get-url", "--", remote)
        if known:
            return known
        path = folder / remote
        return str(path.resolve()) if path.exists() else remote

    def fetch(self, address: str, branch: str) -> str | None:
        """Fetch the tip of a branch, and return its commit; None if there is no such branch.

        Raises:
            UsageError: If *branch* is not the name of a branch.
        """
        reference = f"refs/heads/{branch}"
        if branch.startswith("-") or not self._is_reference(reference):
            raise UsageError(f"--branch {branch}: expected the name of a git branch, such as gh-pages")
        self._remember(address)
        listed = self._run("ls-remote", "--heads", "origin", reference).decode("utf-8", "replace")
        if not any(line.partition("\t")[2] == reference for line in listed.splitlines()):
            return None
        self._run("fetch", "--quiet", "--depth=1", "--no-tags", "origin", f"+{reference}:refs/zoo/base")
        return self._line("rev-parse", "--verify", "refs/zoo/base^{commit}")

    def entries(self, commit: str) -> dict[str, TreeEntry]:
        """Return all entries of a commit, folders included, by path."""
        found = {}
        for line in self._run("ls-tree", "-r", "-t", "-z", "--full-tree", commit).split(b"\0"):
            head, _, name = line.partition(b"\t")
            if name:
                mode, _, identity = head.decode("ascii").split()
                found[os.fsdecode(name)] = TreeEntry(mode=mode, object=identity)
        return found

    def contents(self, identities: Iterable[str], kind: Kind) -> dict[str, bytes]:
        """Return the contents of blobs.

        Raises:
            StoreError: If one is larger than its *kind* may be.
        """
        asked = "".join(f"{identity}\n" for identity in dict.fromkeys(identities)).encode("ascii")
        if not asked:
            return {}
        sizes = [line.split() for line in self._run("cat-file", "--batch-check", given=asked).splitlines()]
        if any(len(each) != 3 or int(each[2]) > kind.max_bytes for each in sizes):
            raise StoreError(f"the branch has a larger file: {kind.noun} may have up to {size_text(kind.max_bytes)}")
        found, output, start = {}, self._run("cat-file", "--batch", given=asked), 0
        for identity, _, size in sizes:
            start = output.index(b"\n", start) + 1
            found[identity.decode("ascii")] = output[start : start + int(size)]
            start += int(size) + 1
        return found

    def commit(self, base: str | None, written: Mapping[str, bytes], removed: tuple[str, ...], message: str) -> str:
        """Return a new commit: the files of *base* without *removed*, and *written* over them."""
        if base is not None:
            self._run("read-tree", base)
        folder = self._settings.parent / "blobs"
        folder.mkdir()
        paths = [folder / str(number) for number in range(len(written))]
        for path, content in zip(paths, written.values(), strict=True):
            path.write_bytes(content)
        given = "".join(f"{path}\n" for path in paths).encode()
        blobs = self._run("hash-object", "-w", "--no-filters", "--stdin-paths", given=given).decode("ascii").split()
        lines = [f"0 {'0' * 40}\t{name}" for name in removed]
        lines += [f"{_FILE_MODE} {blob}\t{name}" for blob, name in zip(blobs, written, strict=True)]
        self._run("update-index", "-z", "--index-info", given="".join(f"{line}\0" for line in lines).encode())
        parents = [] if base is None else ["-p", base]
        return self._line("commit-tree", self._line("write-tree"), *parents, "-m", message)

    def push(self, commit: str, branch: str) -> None:
        """Push a commit to a branch of the repository that was fetched from; never forced."""
        self._run("push", "--quiet", "--no-verify", "origin", f"{commit}:refs/heads/{branch}")

    def _remember(self, address: str) -> None:
        self._run("config", "remote.origin.url", address)

    def _is_reference(self, reference: str) -> bool:
        try:
            self._run("check-ref-format", reference)
        except StoreError:
            return False
        return True

    def _keep_settings(self) -> None:
        for scope in ("--system", "--global"):
            found = self._ask(
                self._settings.parent, "config", scope, "--includes", "-z", "--get-regexp", _KEPT_SETTINGS
            )
            for entry in filter(None, found.split("\0")):
                key, _, value = entry.partition("\n")
                self._run("config", "--file", str(self._settings), "--add", key, value, inside=False)

    def _ask(self, folder: Path, *arguments: str) -> str:
        """Return what git says in somebody's folder, with the user's own configuration; empty if it fails."""
        environment = {key: value for key, value in os.environ.items() if key not in _PLACES}
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:
            raise _not_installed() from None
        return done.stdout.decode("utf-8", "replace").strip("\n") if done.returncode == 0 else ""

    def _line(self, *arguments: str) -> str:
        return self._run(*arguments).decode("utf-8", "replace").strip()

    def _run(self, *arguments: str, given: bytes = b"", inside: bool = True) -> bytes:
        """Run git, and return its output.

        Raises:
            StoreError: If git is not installed or fails.
        """
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("GIT_") or _VARIABLES.fullmatch(key)
        } | {
            "GIT_CONFIG_GLOBAL": str(self._settings),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": str(len(_SETTINGS)),
            "GIT_TERMINAL_PROMPT": "0",
            **{f"GIT_CONFIG_KEY_{number}": key for number, key in enumerate(_SETTINGS)},
            **{f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(_SETTINGS.values())},
        }
        if inside:
            environment["GIT_DIR"] = str(self._repository)
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self._settings.parent,
                env=environment,
                input=given,
                capture_output=True,
                check=False,  # the output becomes the sentence below
            )
        except FileNotFoundError:
            raise _not_installed() from None
        if done.returncode:
            told = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace")
            raise StoreError(f"git {arguments[0]} failed: {one_line(told, max_length=300)}")
        return done.stdout


_PLACES = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"})


def _not_installed() -> StoreError:
    return StoreError("--to github-pages requires git, which is not installed")
