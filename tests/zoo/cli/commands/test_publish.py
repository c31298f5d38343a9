"""``zoo publish``: what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import Result

RunZoo = Callable[..., Result]


def test_a_folder_that_is_not_a_site_is_not_published(run_zoo: RunZoo, tmp_path: Path) -> None:
    done = run_zoo("publish", str(tmp_path), "--to", "folder", "--at", str(tmp_path / "www"))
    assert done.exit_code == 2
    assert "holds no site" in done.output
    assert run_zoo("publish", str(tmp_path), "--to", "hf-space", "--at", "noname").exit_code == 2
