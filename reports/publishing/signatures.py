"""Signatures: who vouches for the trials of a submission, by an SSH signature.

A signed submission has two files beside its trials::

    signatures/3f9c0a1b2c3d4e5f.json      the folders of the trials, and the checksum of each record
    signatures/3f9c0a1b2c3d4e5f.json.sig  what ``ssh-keygen -Y sign`` made of that

A record contains the checksums of all other files of its trial, so they are signed, too. Verification needs a file of
those who may sign, in the format of git and OpenSSH: ``alice@example.org ssh-ed25519 AAAA…``. Nothing is asked of
another machine.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.records.store import RECORD_FILE
from harness.system.atomic_files import sha256_of, write_bytes
from reports.trials.reading import Trial
from zoo.errors import StoreError, UsageError
from zoo.files.foreign_json import parse_json
from zoo.files.plain_files import FACTS, read_bytes
from zoo.text import one_line, plural

FOLDER = "signatures"
NAMESPACE = "zoobench"
"""What signatures are for; one that was made for git or a file does not count."""
_SUFFIX = ".json"


@dataclass(frozen=True, kw_only=True, slots=True)
class SignatureCheck:
    """What was found among the signatures of a store."""

    signers: Mapping[str, str]
    """Who signed each trial, by the folder of the trial; trials that nobody known signed are left out."""
    problems: tuple[str, ...]
    """A sentence for each signature that does not hold."""


def sign(folder: Path, names: Sequence[str], key: Path) -> Path:
    """Sign the trials *names* in *folder*, and return the file that lists them.

    Args:
        folder: The folder of the submission.
        names: Folders of trials.
        key: A private SSH key, or a public one whose private half an agent has.

    Raises:
        UsageError: If there is no such key, or ssh-keygen is not installed.
        StoreError: If the key cannot sign.
    """
    if not key.is_file():
        raise UsageError(f"--sign {key}: expected the file of an SSH key, such as ~/.ssh/id_ed25519")
    trials = {name: sha256_of(folder / name / RECORD_FILE) for name in sorted(names)}
    content = json.dumps({"schema_version": 1, "trials": trials}, indent=2).encode() + b"\n"
    path = folder / FOLDER / f"{hashlib.sha256(content).hexdigest()[:16]}{_SUFFIX}"
    path.parent.mkdir(exist_ok=True)
    signature = _run(["-Y", "sign", "-f", str(key), "-n", NAMESPACE, "-q"], content)
    write_bytes(path, content)
    write_bytes(path.with_name(f"{path.name}.sig"), signature)
    return path


def check_signatures(store: Path, allowed: Path) -> SignatureCheck:
    """Return who signed the trials of *store*.

    Args:
        store: A folder of trials.
        allowed: File of those who may sign, as of ``ssh-keygen -Y verify``.

    Raises:
        UsageError: If there is no such file, or ssh-keygen is not installed.
    """
    if not allowed.is_file():
        raise UsageError(f"--signers {allowed}: expected a file with a line for each key: NAME ssh-ed25519 AAAA…")
    signers: dict[str, str] = {}
    problems: list[str] = []
    folder = store / FOLDER
    for path in sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else ():
        name = f"{FOLDER}/{one_line(path.name, max_length=80)}"
        try:
            content = read_bytes(path, FACTS, follow=False)
            signer = _signer(content, path.with_name(f"{path.name}.sig"), allowed)
            trials = _trials_of(content)
        except (OSError, StoreError, ValueError) as error:
            problems.append(f"{name}: {one_line(error, max_length=200)}")
            continue
        changed, missing = [], []
        for trial, digest in trials.items():
            record = store / trial / RECORD_FILE
            if not record.is_file():
                missing.append(trial)
            elif sha256_of(record) == digest:
                signers.setdefault(trial, signer)
            else:
                changed.append(trial)
        if missing:
            problems.append(
                f"{name}: {plural(len(missing), 'trial')} that {signer} signed {'is' if len(missing) == 1 else 'are'} "
                f"not here: {missing[0]}"
            )
        if changed:
            problems.append(f"{name}: {plural(len(changed), 'record')} changed since {signer} signed: {changed[0]}")
    return SignatureCheck(signers=signers, problems=tuple(problems))


def check_all(trials: Sequence[Trial], allowed: Path) -> tuple[dict[Path, str], list[str]]:
    """Return who signed each of *trials*, by its folder, and a sentence for each signature that does not hold."""
    found: dict[Path, str] = {}
    problems: list[str] = []
    for store in sorted({folder.parent for folder, _ in trials}):
        check = check_signatures(store, allowed)
        problems += check.problems
        found |= {
            folder: check.signers[folder.name]
            for folder, _ in trials
            if folder.parent == store and folder.name in check.signers
        }
    return found, problems


def _trials_of(content: bytes) -> dict[str, str]:
    """Return the checksums of records by folder.

    Raises:
        ValueError: If it lists anything else.
    """
    data = parse_json(content)
    trials = data.get("trials") if isinstance(data, dict) else None
    if not isinstance(trials, dict):
        raise ValueError("it lists no trials")
    for name, digest in trials.items():
        if name != Path(name).name or name in (".", "..", "") or not isinstance(digest, str):
            raise ValueError(f"{one_line(name, max_length=80)!r} is not a folder of a trial")
    return trials


def _signer(content: bytes, signature: Path, allowed: Path) -> str:
    """Return who made a signature.

    Raises:
        StoreError: If nobody who may sign did.
    """
    if not signature.is_file() or signature.is_symlink():
        raise StoreError("it is not signed")
    arguments = ["-n", NAMESPACE, "-s", str(signature)]
    found = _run(["-Y", "find-principals", "-f", str(allowed), *arguments[2:]], b"").decode("utf-8", "replace")
    names = found.split("\n")[0].strip()
    _run(["-Y", "verify", "-f", str(allowed), "-I", names, *arguments], content)
    return one_line(names, max_length=100)


def _run(arguments: Sequence[str], given: bytes) -> bytes:
    """Run ssh-keygen and return its output.

    Raises:
        UsageError: If it is not installed.
        StoreError: If it fails.
    """
    try:
        done = subprocess.run(["ssh-keygen", *arguments], input=given, capture_output=True, check=False)
    except FileNotFoundError:
        raise UsageError("signatures require ssh-keygen of OpenSSH 8.2 or later, which is not installed") from None
    if done.returncode:
        told = one_line((done.stderr or done.stdout).decode("utf-8", "replace"), max_length=200)
        raise StoreError(f"the signature does not hold: {told or 'nobody who may sign made it'}")
    return done.stdout
