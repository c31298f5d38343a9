"""The choice of plugins: files, as --plugin takes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zoo.api.plugin_choice import PluginChoice
from zoo.errors import PluginError, UsageError


def test_files_are_loaded_beside_the_built_ins(write_plugin: Callable[..., str], shelf: str) -> None:
    choice = PluginChoice(files=[Path(write_plugin(shelf))], installed=False)
    assert "tiny_net" in choice.catalog().architectures
    assert "lenet5" in choice.catalog().architectures
    assert choice.sources().entry_points is False


def test_a_missing_file_and_a_broken_one_with_strict_are_mistakes(write_plugin: Callable[..., str]) -> None:
    with pytest.raises(UsageError, match=r"plugins = absent\.py: no such file"):
        PluginChoice(files=["absent.py"]).catalog()
    with pytest.raises(PluginError):
        PluginChoice(files=[write_plugin("raise ValueError")], strict=True, installed=False).catalog()
