from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
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


def test_a_misspelt_hook_is_reported_with_the_existing_hooks(run_zoo: Run, write_plugin: Callable[..., str]) -> None:
    file = write_plugin("from zoo import hookimpl\n@hookimpl\ndef zoo_architecture():\n    return []\n")
    result = run_zoo("plugins", "--plugin", file)
    assert "zoo_architecture" in result.stdout
    assert "zoo_architectures" in result.stdout


def test_plugins_as_json(run_shelf: Run) -> None:
    plugins = json.loads(run_shelf("plugins", "--format", "json").stdout)
    (shelf,) = [each for each in plugins if each["provider"]["name"] == "shelf"]
    assert shelf["provides"]["metrics"] == ["shelf/luck"]


def test_a_named_plugin_is_shown_with_its_hooks_and_each_thing_it_provides(run_shelf: Run) -> None:
    shown = " ".join(run_shelf("plugins", "shelf").stdout.split())
    assert "hooks zoo_architectures, zoo_datasets, zoo_recipes, zoo_metrics, zoo_listeners" in shown
    assert "metrics shelf/luck" in shown
    assert "simple_cnn" not in shown


def test_a_plugin_that_is_not_there_gets_near_names(run_shelf: Run) -> None:
    result = run_shelf("plugins", "shelv")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no plugin is called 'shelv'; did you mean 'shelf'? (zoo plugins lists all)" in result.stderr


def test_a_hook_that_yields_nothing_is_counted_all_the_same(run_zoo: Run, write_plugin: Callable[..., str]) -> None:
    file = write_plugin("from zoo import hookimpl\n@hookimpl\ndef zoo_report_formats():\n    return []\n")
    assert "0 report formats" in run_zoo("plugins", "--plugin", file).stdout


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run zoo where a distribution ``zoo-loud`` is installed, whose plugin ``loud`` says when it is imported."""
    site = tmp_path / "site"
    info = site / "zoo_loud-1.5.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-loud\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text("[zoo]\nloud = zoo_loud_module\n")
    (site / "zoo_loud_module.py").write_text(
        "import sys, click\nfrom zoo import hookimpl\nprint('IMPORTED', file=sys.stderr)\n"
        "@hookimpl\ndef zoo_commands():\n    yield click.Command('shout', callback=lambda: click.echo('HELLO'))\n"
    )

    def run(*args: str, **variables: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
        return subprocess.run(
            [sys.executable, "-c", "from zoo.cli import main; main()", *args],
            capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": path, **variables},
        )  # fmt: skip

    return run


Installed = Callable[..., "subprocess.CompletedProcess[str]"]


def test_installed_plugins_are_listed_from_metadata_before_any_is_imported(installed: Installed) -> None:
    done = installed("plugins", "--no-import")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("loud ")]
    assert line.split() == ["loud", "found", "entry", "point", "zoo-loud", "1.5"]
    assert done.stderr == ""


def test_the_blocked_are_listed_and_do_not_run(installed: Installed) -> None:
    done = installed("plugins", ZOO_PLUGINS="-zoo-loud")
    assert "loud is blocked: ZOO_PLUGINS blocks 'zoo-loud'" in done.stdout
    assert done.stderr == ""
    assert "IMPORTED" in installed("plugins").stderr
    assert "IMPORTED" not in installed("plugins", "--no-plugins").stderr


def test_a_typo_in_the_list_is_reported_with_near_names(installed: Installed) -> None:
    done = installed("plugins", ZOO_PLUGINS="-zoo-lound")
    assert (
        "ZOO_PLUGINS lists 'zoo-lound', but no installed plugin is called that; did you mean 'zoo-loud'" in done.stderr
    )


def test_help_runs_nothing_that_is_installed_and_points_to_the_list(installed: Installed) -> None:
    done = installed("--help")
    assert done.stderr == ""
    assert "Installed plugins may add commands; zoo plugins lists them." in done.stdout


def test_a_command_of_an_installed_plugin_runs(installed: Installed) -> None:
    assert installed("shout").stdout == "HELLO\n"
    assert "no command is called 'shout'" in installed("--no-plugins", "shout").stderr
    assert installed("shout", ZOO_PLUGINS="-loud").returncode == 2
