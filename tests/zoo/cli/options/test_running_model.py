"""Options of the commands that run a trained model: the same in each of them."""

from __future__ import annotations

import importlib

import click
import pytest

from zoo.cli.group import COMMANDS

WHO = {
    "checkpoint": ("predict", "explain", "serve", "export"),
    "images": ("predict", "explain"),
    "device": ("predict", "explain", "serve"),
    "precision": ("predict", "serve"),
}


def parameter_of(command: str, name: str) -> click.Parameter:
    (found,) = [each for each in importlib.import_module(COMMANDS[command][0]).command.params if each.name == name]
    return found


@pytest.mark.parametrize("name", WHO)
def test_a_parameter_is_alike_in_all_commands(name: str) -> None:
    first, *others = [parameter_of(command, name).to_info_dict() for command in WHO[name]]
    assert others
    assert all(other == first for other in others)
