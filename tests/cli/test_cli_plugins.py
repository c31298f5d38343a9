from __future__ import annotations

import json
from collections.abc import Callable

from click.testing import Result

Run = Callable[..., Result]


def test_each_plugin_says_what_it_provides(run_shelf: Run) -> None:
    (line,) = [line for line in run_shelf("plugins").stdout.splitlines() if line.startswith("shelf ")]
    assert "loaded" in line
    assert "5 architectures, 3 datasets, 3 recipes, 1 metric, 1 listener" in line


def test_a_broken_plugin_is_listed_with_its_cause_and_on_request_its_traceback(
    run_zoo: Run, write_plugin: Callable[..., str]
) -> None:
    file = write_plugin("1/0")
    result = run_zoo("plugins", "--plugin", file)
    assert result.exit_code == 0
    assert "extra is broken: ZeroDivisionError: division by zero" in result.stdout
    assert "Traceback" not in result.stdout
    assert "Traceback" in run_zoo("plugins", "--plugin", file, "--why-broken").stdout


def test_a_misspelt_hook_is_told_with_the_hooks_there_are(run_zoo: Run, write_plugin: Callable[..., str]) -> None:
    file = write_plugin("from zoo import hookimpl\n@hookimpl\ndef zoo_architecture():\n    return []\n")
    result = run_zoo("plugins", "--plugin", file)
    assert "zoo_architecture" in result.stdout
    assert "zoo_architectures" in result.stdout


def test_plugins_as_json(run_shelf: Run) -> None:
    plugins = json.loads(run_shelf("plugins", "--format", "json").stdout)
    (shelf,) = [each for each in plugins if each["provider"]["name"] == "shelf"]
    assert shelf["provides"]["metrics"] == ["shelf/luck"]
