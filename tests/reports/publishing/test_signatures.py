"""Signatures: who vouches for the trials of a submission."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from reports.publishing.signatures import check_signatures, sign
from zoo.errors import StoreError, UsageError

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def keys(folder: Path, name: str) -> tuple[Path, str]:
    """Make a key pair; return the private key, and the line of an allowed signer."""
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    return path, f"{name}@example.org {path.with_suffix('.pub').read_text().strip()}\n"


@pytest.fixture
def signed(tmp_path: Path, make_trials):
    """A store of two signed trials, and a file with their signer."""
    trials = make_trials("net", seeds=2)
    store = trials[0][0].parent
    key, line = keys(tmp_path, "alice")
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(line)
    listing = sign(store, [folder.name for folder, _ in trials], key)
    return store, allowed, [folder for folder, _ in trials], listing


def test_a_signature_names_its_signer_for_each_trial(signed):
    store, allowed, folders, _ = signed
    check = check_signatures(store, allowed)
    assert check.signers == {folder.name: "alice@example.org" for folder in folders}
    assert check.problems == ()


def test_a_record_that_changed_since_is_signed_by_nobody(signed):
    store, allowed, folders, _ = signed
    record = folders[0] / "record.json"
    record.write_text(record.read_text().replace('"seed":0', '"seed":7').replace('"seed": 0', '"seed": 7') + "\n")
    check = check_signatures(store, allowed)
    assert list(check.signers) == [folders[1].name]
    (problem,) = check.problems
    assert "1 record changed since alice@example.org signed" in problem


def test_a_list_that_changed_since_is_not_signed(signed):
    store, allowed, _, listing = signed
    listing.write_text(listing.read_text() + " ")
    check = check_signatures(store, allowed)
    assert check.signers == {}
    assert "the signature does not hold" in check.problems[0]


def test_a_key_that_may_not_sign_does_not_count(signed, tmp_path):
    store, _, _, _ = signed
    _, line = keys(tmp_path, "mallory")
    other = tmp_path / "others"
    other.write_text(line)
    check = check_signatures(store, other)
    assert check.signers == {}
    assert "the signature does not hold" in check.problems[0]


def test_a_signature_for_something_else_does_not_count(signed, tmp_path):
    store, allowed, _, listing = signed
    signature = listing.with_name(f"{listing.name}.sig")
    signature.unlink()
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(tmp_path / "alice"), str(listing)], check=True
    )
    assert check_signatures(store, allowed).signers == {}


def test_a_list_with_a_path_is_refused(signed, tmp_path):
    store, allowed, _, listing = signed
    content = json.dumps({"schema_version": 1, "trials": {"../elsewhere": "0" * 64}}).encode()
    listing.write_bytes(content)
    signature = listing.with_name(f"{listing.name}.sig")
    signature.unlink()
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "zoobench", "-f", str(tmp_path / "alice"), str(listing)], check=True
    )
    assert "not a folder of a trial" in check_signatures(store, allowed).problems[0]


def test_a_store_without_signatures_has_no_signers(make_trial, tmp_path):
    folder, _ = make_trial()
    allowed = tmp_path / "allowed"
    allowed.write_text("")
    assert check_signatures(folder.parent, allowed).signers == {}


def test_mistakes_are_named(make_trial, tmp_path):
    folder, _ = make_trial()
    with pytest.raises(UsageError, match="expected the file of an SSH key"):
        sign(folder.parent, [folder.name], tmp_path / "absent")
    with pytest.raises(UsageError, match="expected a file with a line for each key"):
        check_signatures(folder.parent, tmp_path / "absent")
    (tmp_path / "no_key").write_text("nothing")
    (tmp_path / "no_key").chmod(0o600)
    with pytest.raises(StoreError):
        sign(folder.parent, [folder.name], tmp_path / "no_key")
