from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.mark.parametrize(("shell", "line"), [("bash", "complete -o nosort"), ("zsh", "compdef"), ("fish", "complete ")])
def test_a_script_for_each_shell(run_zoo: Run, shell: str, line: str) -> None:
    result = run_zoo("completion", shell)
    assert result.exit_code == 0
    assert f"_ZOO_COMPLETE={shell}_complete" in result.stdout
    assert line in result.stdout


def test_another_shell_is_one_sentence(run_zoo: Run) -> None:
    result = run_zoo("completion", "ksh")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "'ksh' is not one of 'bash', 'zsh', 'fish'" in result.stderr
