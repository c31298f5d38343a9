"""Checks of listeners, each held to one that was made to break it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.events import EpochEnded
from zoo.listener import Listener
from zoo.testing import CHECKS


def listener(open: Callable[[Path], Any]) -> Listener:
    return Listener(name="ear", open=open)


def wants_accuracies(event: Any) -> None:
    if isinstance(event, EpochEnded):
        print(f"{event.train_accuracy:.1%}", file=io.StringIO())


def opens_once(store: Path) -> Callable[[Any], None]:
    store.mkdir(parents=True, exist_ok=True)
    (store / "log.txt").open("x").close()
    return lambda event: None


def seeds_on_an_event(store: Path) -> Callable[[Any], None]:
    return lambda event: torch.manual_seed(0) and None


def needs_its_folder(store: Path) -> Callable[[Any], None]:
    (store / "log.txt").open("a").close()
    return lambda event: None


def needs_its_folder_later(store: Path) -> Callable[[Any], None]:
    def hear(event: Any) -> None:
        with (store / "log.txt").open("a") as file:
            file.write(type(event).__name__)

    return hear


def makes_its_folder(store: Path) -> Callable[[Any], None]:
    store.mkdir(parents=True, exist_ok=True)
    return needs_its_folder_later(store)


BROKEN = (
    ("opens_without_the_folder", "does not exist yet, it raises FileNotFoundError", listener(needs_its_folder)),
    ("opens_without_the_folder", "FileNotFoundError", listener(needs_its_folder_later)),
    ("accepts_every_event", "EpochEnded of the first bench: TypeError", listener(lambda store: wants_accuracies)),
    ("accepts_every_event", "FileExistsError", listener(opens_once)),
    ("accepts_every_event", "open returned NoneType", listener(lambda store: None)),
    ("listener_has_no_side_effects", "torch's generator|torch's seed", listener(seeds_on_an_event)),
)


IDS = [f"{number}-{each[0]}" for number, each in enumerate(BROKEN)]


@pytest.mark.parametrize(("check", "says", "record"), BROKEN, ids=IDS)
def test_a_check_catches_what_was_made_to_break_it(check, says, record, caught):
    caught(check, says, record)


def test_each_check_has_something_that_breaks_it():
    assert {each[0] for each in BROKEN} == {check.id for check in CHECKS if check.kind == "listeners"}


@pytest.mark.parametrize("open", [lambda store: lambda event: None, makes_its_folder], ids=["deaf", "writes"])
def test_a_listener_that_is_right_passes_every_check(open, passed):
    passed(listener(open))
