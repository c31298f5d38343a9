"""The lock of a trial."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.records.trial_lock import LOCK_FILE, trial_lock


def test_one_holder_at_a_time_and_nobody_waits(tmp_path: Path) -> None:
    with trial_lock(tmp_path) as is_mine:
        assert is_mine
        with trial_lock(tmp_path) as is_theirs:
            assert not is_theirs
        with trial_lock(tmp_path) as is_theirs:
            assert not is_theirs, "who did not get it does not free it"
    with trial_lock(tmp_path) as is_mine:
        assert is_mine
    assert (tmp_path / LOCK_FILE).name == ".lock"


def test_an_error_frees_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), trial_lock(tmp_path):
        raise ValueError("broken")
    with trial_lock(tmp_path) as is_mine:
        assert is_mine


def test_an_error_of_who_did_not_get_it_is_not_hidden(tmp_path: Path) -> None:
    with trial_lock(tmp_path), pytest.raises(ValueError, match="broken"), trial_lock(tmp_path):
        raise ValueError("broken")
