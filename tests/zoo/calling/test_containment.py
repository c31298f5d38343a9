"""Containment: whatever a plugin's code does is an ordinary exception, and only the user interrupts zoo."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from zoo import Architecture, Hyperparameters, Preparation, Recipe
from zoo.calling import containment
from zoo.calling.containment import LeftError, contained, hyperparameters_of, preparation_of, reported
from zoo.calling.interruption import INTERRUPTION
from zoo.catalog import Provider
from zoo.errors import DataError, PluginError

FOREIGN = Provider(name="nets", origin="entry point", module="nets")


class _OwnError(BaseException):
    def __str__(self) -> str:
        raise ValueError


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: sys.exit(0), "it called sys.exit(0)"),
        (lambda: os._exit(0), "it called os._exit(0)"),
        (lambda: _raise(_OwnError()), "it raised _OwnError"),
        (lambda: _raise(GeneratorExit()), "it raised GeneratorExit"),
    ],
)
def test_leaving_is_an_ordinary_error(act: Callable[[], None], sentence: str) -> None:
    with pytest.raises(LeftError) as caught, contained("testing"):
        act()
    assert str(caught.value) == sentence


def test_ordinary_errors_pass_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError), contained("testing"):
        _ = 1 / 0


def test_an_exit_is_real_again_afterwards_and_in_a_fork_of_the_process() -> None:
    before = os._exit
    with contained("testing"), contained("testing within"):
        child = os.fork()
        if child == 0:
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert os._exit is before


def test_the_working_folder_is_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with contained("testing"):
        os.chdir("/")
    assert Path.cwd() == tmp_path


def test_only_an_interrupt_by_the_user_passes_and_tells_of_what(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    INTERRUPTION.listen(signal.SIGINT)
    try:
        with pytest.raises(LeftError, match="it raised KeyboardInterrupt"), contained("testing"):
            raise KeyboardInterrupt
        with pytest.raises(KeyboardInterrupt) as caught, contained("importing plugin 'nets'"):
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
        INTERRUPTION.count = 0
    assert caught.value.__notes__ == ["while importing plugin 'nets'"]


def test_the_user_is_told_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    told: list[str] = []
    heard = threading.Event()
    monkeypatch.setattr(containment, "SLOW_SECONDS", 0.01)
    monkeypatch.setattr(containment, "tell", lambda sentence: (told.append(sentence), heard.set()))
    with contained("importing plugin 'nets'", FOREIGN):
        assert heard.wait(10)
    assert told == ["still importing plugin 'nets', after 0.01 s; Ctrl-C stops zoo"]


def test_hyperparameters_come_from_the_recipes_function() -> None:
    recipe = Recipe(name="quick", hyperparameters=lambda: Hyperparameters(lr=0.25))
    assert hyperparameters_of(recipe, "quick").lr == 0.25


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda: sys.exit(0), "it called sys.exit(0)"),
        (lambda: {"lr": 1}, "TypeError: expected Hyperparameters, got dict"),
    ],
)
def test_a_recipe_that_cannot_create_them_is_named_with_its_plugin(make: Callable[[], object], cause: str) -> None:
    recipe = Recipe(name="bad", hyperparameters=make)  # type: ignore[arg-type]
    with pytest.raises(PluginError) as caught:
        hyperparameters_of(recipe, "bad", FOREIGN)
    assert str(caught.value) == f"recipe 'bad' of plugin 'nets' cannot create its hyperparameters: {cause}"


def leave() -> None:
    sys.exit(3)


def fail() -> None:
    raise ValueError("no [such] file")


def explain() -> None:
    raise DataError("put the files into X")


def run_out() -> None:
    raise MemoryError("no more")


@pytest.mark.parametrize(
    ("call", "kind", "sentence"),
    [
        (leave, PluginError, "dataset 'birds' failed: it called sys.exit(3)"),
        (fail, PluginError, "dataset 'birds' failed: ValueError: no [such] file"),
        (explain, DataError, "put the files into X"),
        (run_out, MemoryError, "no more"),
    ],
)
def test_errors_are_reported_in_a_sentence_of_the_caller_unless_they_are_one_or_the_callers_to_handle(
    call: Callable[[], None], kind: type[Exception], sentence: str
) -> None:
    with (
        pytest.raises(kind) as caught,
        reported("loading", "dataset 'birds' failed", passes=lambda raised: isinstance(raised, MemoryError)),
    ):
        call()
    assert type(caught.value) is kind
    assert str(caught.value) == sentence


def test_errors_are_reported_as_the_kind_that_the_caller_chooses() -> None:
    with (
        pytest.raises(DataError, match="cannot be read: ValueError") as caught,
        reported("loading", "cannot be read", error=DataError),
    ):
        fail()
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_architecture_that_cannot_say_how_images_are_prepared_is_one_sentence() -> None:
    def asked(preparation: Callable[..., object] | None) -> Preparation:
        network = Architecture(name="net", build=print, preparation=preparation)  # type: ignore[arg-type]
        return preparation_of(network, "net", {"weights": None})

    assert asked(None) == Preparation()
    assert asked(lambda options: Preparation(size=7)).size == 7
    for function, cause in (
        (lambda options: options["gone"], "KeyError"),
        (lambda options: 3, "TypeError: expected Preparation, got int"),
        (lambda options: sys.exit(1), "it called sys.exit"),
    ):
        with pytest.raises(PluginError, match=f"model 'net' cannot say how images are prepared: .*{cause}"):
            asked(function)
    with pytest.raises(DataError, match="as it is"):
        asked(lambda options: _raise(DataError("as it is")))
