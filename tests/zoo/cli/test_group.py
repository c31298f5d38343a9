from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import Result

from zoo.cli.group import COMMANDS

Run = Callable[..., Result]


def _zoo(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from zoo.cli import main; main()", *args],
        capture_output=True, text=True, timeout=60, env={**os.environ, **environment},
    )  # fmt: skip


def _modules_after(*args: str) -> set[str]:
    code = (
        "import sys\nfrom zoo.cli import main\ntry:\n    main()\nfinally:\n"
        "    print('MODULES', *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.rpartition("MODULES ")[2].split())


def test_help_names_every_command_and_the_exit_codes(run_zoo: Run) -> None:
    result = run_zoo("--help")
    assert result.exit_code == 0
    assert all(f"  {name} " in result.stdout for name in COMMANDS)
    assert "  130  interrupted\n" in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_whose_first_line_fits(run_zoo: Run, name: str) -> None:
    result = run_zoo(name, "--help")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"Usage: zoo {name}")


def helps(command: click.Command, *words: str) -> Iterator[str]:
    """Yield what ``--help`` shows for a command and for those below it."""
    context = click.Context(command, info_name=" ".join(words))
    yield command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from helps(command.get_command(context, name), *words, name)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_help_shows_marks_of_its_source_or_cuts_a_sentence(name: str) -> None:
    for text in helps(importlib.import_module(COMMANDS[name][0]).command, "zoo", name):
        assert not re.search(r"\\b|``|:[a-z]+:`", text), text
        assert "..." not in text.partition("\nCommands:\n")[2], "click cuts a long first sentence; give a short_help"


def test_help_imports_click_and_little_else() -> None:
    modules = _modules_after("--help")
    assert "click" in modules
    assert not modules & {"torch", "numpy", "pydantic", "rich", "pluggy", "pandas", "importlib.metadata", "plugins"}


def test_a_mistyped_command_gets_near_names_and_exit_code_2(run_zoo: Run) -> None:
    result = run_zoo("bnech")
    assert result.exit_code == 2
    assert result.stderr == "zoo: no command is called 'bnech'; did you mean 'bench'? (zoo --help lists all)\n"


@pytest.mark.parametrize(("given", "meant"), [("--modles", "--models"), ("--limit-tain", "--limit-train")])
def test_a_mistyped_option_gets_near_names_and_exit_code_2(run_zoo: Run, given: str, meant: str) -> None:
    result = run_zoo("bench", given, "x")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert f"zoo bench has no option '{given}'; did you mean {meant}" in result.stderr


def test_an_option_like_no_other_is_one_sentence(run_zoo: Run) -> None:
    result = run_zoo("list", "models", "--qqqqqq", "3")
    assert result.exit_code == 2
    assert result.stderr == "zoo: zoo list has no option '--qqqqqq' (zoo list --help lists all)\n"


def test_an_option_without_its_value_is_one_sentence(run_zoo: Run) -> None:
    result = run_zoo("bench", "--epochs")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.startswith("zoo: option '--epochs' requires an argument")


def test_a_plugin_that_breaks_in_any_way_does_not_break_help(run_zoo: Run, write_plugin: Callable[..., str]) -> None:
    """One broken plugin killed even --help (llm#1280)."""
    for number, source in enumerate(("raise SystemExit(3)", "import nothing_such", "1/0", "def f(:", "")):
        result = run_zoo("--plugin", write_plugin(source, f"broken{number}"), "--help")
        assert result.exit_code == 0
        assert "bench" in result.stdout


def test_help_is_shown_even_where_a_plugin_ends_the_process(write_plugin: Callable[..., str]) -> None:
    """One broken plugin killed even --help (llm#1280)."""
    done = _zoo("--plugin", write_plugin("import os; os._exit(0)"), "--help")
    assert "rank" in done.stdout


def test_a_plugins_command_is_listed_and_runs(run_zoo: Run, write_plugin: Callable[..., str]) -> None:
    file = write_plugin(
        """
        import click
        from zoo import hookimpl

        @click.command("greet")
        def greet():
            "Say hello."
            click.echo("hello")
            return 5

        @hookimpl
        def zoo_commands():
            yield greet
        """
    )
    assert "greet  Say hello." in run_zoo("--plugin", file, "--help").stdout
    result = run_zoo("--plugin", file, "greet")
    assert (result.exit_code, result.stdout) == (0, "hello\n")
    assert "did you mean 'greet'" in run_zoo("--plugin", file, "gret").stderr


def test_a_plugins_command_cannot_take_the_place_of_zoos_own(run_zoo: Run, write_plugin: Callable[..., str]) -> None:
    file = write_plugin(
        """
        import click
        from zoo import hookimpl

        @hookimpl
        def zoo_commands():
            yield click.Command("plan", callback=lambda: click.echo("mine"))
        """
    )
    assert "Usage: zoo plan" in run_zoo("--plugin", file, "plan", "--help").stdout
    assert "command 'plan' of extra cannot be reached" in run_zoo("--plugin", file, "plugins").stdout


def test_output_of_a_plugin_while_loading_stays_out_of_the_output(
    run_shelf: Run, write_plugin: Callable[..., str]
) -> None:
    noisy = write_plugin(
        "print('NOISE')\n" + "from zoo import hookimpl\n@hookimpl\ndef zoo_recipes():\n    return []\n"
    )
    result = run_shelf("list", "models", "tiny_net*", "--plugin", noisy)
    assert result.stdout == "tiny_net\ntiny_net20\ntiny_net110\n"


def test_a_plugin_file_that_is_not_there_is_a_mistake(run_zoo: Run) -> None:
    result = run_zoo("list", "models", "--plugin", "nowhere.py")
    assert result.exit_code == 2
    assert result.stderr == "zoo: --plugin nowhere.py: no such file\n"


def test_broken_plugins_are_fatal_in_strict_mode(run_zoo: Run, write_plugin: Callable[..., str]) -> None:
    file = write_plugin("1/0")
    lenient = run_zoo("list", "metrics", "--plugin", file)
    assert lenient.exit_code == 0
    assert "plugin 'extra' is broken and left out" in lenient.stderr
    strict = run_zoo("list", "metrics", "--plugin", file, "--strict-plugins")
    assert strict.exit_code == 2
    assert "ZeroDivisionError" in strict.stderr


BUGGY = """
import click
from zoo import hookimpl

@hookimpl
def zoo_commands():
    yield click.Command("buggy", callback=lambda: 1/0)
    yield click.Command("stuck", callback=interrupt)
    yield click.Command("odd", callback=raise_group)

def interrupt():
    raise KeyboardInterrupt

def raise_group():
    raise BaseExceptionGroup("several", [SystemExit(0)])
"""


def test_an_exception_of_no_ordinary_kind_in_a_plugins_command_is_one_sentence(
    write_plugin: Callable[..., str],
) -> None:
    done = _zoo("--plugin", write_plugin(BUGGY), "odd")
    assert done.returncode == 1
    assert done.stderr == ("zoo: the plugin's command 'odd' raised BaseExceptionGroup: several (1 sub-exception)\n")


def test_an_unexpected_error_is_one_sentence_and_a_traceback_on_request(write_plugin: Callable[..., str]) -> None:
    file = write_plugin(BUGGY)
    plain = _zoo("--plugin", file, "buggy", ZOO_DEBUG="")
    assert plain.returncode == 70
    assert plain.stderr == (
        "zoo: the plugin's command 'buggy' failed: ZeroDivisionError: division by zero; "
        "ZOO_DEBUG=1 shows the traceback\n"
    )
    assert "Traceback" in _zoo("--plugin", file, "buggy", ZOO_DEBUG="1").stderr


@pytest.mark.parametrize(
    "command",
    [
        "rank {}", "why {}", "verify {}", "diff {} x", "curves {}", "report {}", "submit {}", "rescore {}",
        "merge {} -o x",
        "list metrics --plugin {}", "plan --models {} --data digits", "plan --models file:{} --data digits", "new {}",
        "bench {}", "check {}", "show {}",
    ],
)  # fmt: skip
def test_a_name_that_is_too_long_for_a_file_is_no_bug_in_zoo(run_zoo: Run, command: str) -> None:
    result = run_zoo(*command.format("n" * 300).split())
    assert result.exit_code == 2, result.stderr
    assert "bug in zoo" not in result.stderr
    assert "n" * 99 in result.stderr


@pytest.mark.parametrize("size", ["²", "٣", "9" * 5000, "-5", "abc", "0", "1"])
def test_an_odd_size_of_the_terminal_is_no_bug_in_zoo(run_zoo: Run, monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    for name in ("COLUMNS", "LINES"):
        monkeypatch.setenv(name, size)
    result = run_zoo("list", "recipes")
    assert result.exit_code == 0, result.stderr
    assert "sgd" in "".join(result.stdout.split())


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the working folder of a process")
def test_a_working_folder_that_is_gone_is_no_bug_in_zoo(tmp_path: Path) -> None:
    """Resembles reports of ``os.getcwd`` failing after a checkout or an rsync had replaced the folder."""
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"import os; os.rmdir({str(gone)!r}); from zoo.cli.group import zoo; zoo.main(['data', 'check', 'csv:x'])"
    done = subprocess.run([sys.executable, "-P", "-c", script], cwd=gone, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "the working folder no longer exists: change to another one" in done.stderr


def test_ctrl_c_exits_with_130(write_plugin: Callable[..., str]) -> None:
    done = _zoo("--plugin", write_plugin(BUGGY), "stuck")
    assert done.returncode == 130
    assert done.stderr.strip() == "zoo: interrupted"


def test_a_pipe_that_nobody_reads_ends_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", "from zoo.cli import main; main()", "list", "metrics"],
        stdout=write, stderr=subprocess.PIPE, text=True, timeout=60,
    )  # fmt: skip
    os.close(write)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert done.returncode == 141


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_without_colour_there_are_no_escape_codes(
    run_shelf: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1m" in run_shelf("show", "quick", color=True).stdout
    monkeypatch.setenv(variable, value)
    assert "\x1b" not in run_shelf("show", "quick", color=True).stdout


def test_a_terminal_that_lacks_a_character_shows_a_question_mark_and_goes_on() -> None:
    done = _zoo("show", "no_such_thing_at_all", PYTHONIOENCODING="latin-1")
    assert done.returncode == 2
    assert "data, recipes ? lists all" in done.stderr
