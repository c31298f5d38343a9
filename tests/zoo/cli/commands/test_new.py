from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Run = Callable[..., Result]


def test_a_new_plugin_is_written_and_the_next_commands_are_shown(run_zoo: Run, tmp_path: Path) -> None:
    result = run_zoo("new", "plugin", "my-models", "--into", str(tmp_path))
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "my-models" / "src" / "my_models" / "plugin.py").is_file()
    assert "(12 files)" in result.stdout
    assert "  zoo check my-models\n" in result.stdout


def test_a_bad_name_and_a_folder_that_is_there_are_one_sentence_each(run_zoo: Run, tmp_path: Path) -> None:
    result = run_zoo("new", "plugin", "My Models", "--into", str(tmp_path))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "such as my-models" in result.stderr
    (tmp_path / "nets").mkdir()
    result = run_zoo("new", "plugin", "nets", "--into", str(tmp_path))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
