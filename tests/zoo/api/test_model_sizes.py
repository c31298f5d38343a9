"""Sizes of models: counted once in a process of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from zoo.api import model_sizes
from zoo.api.model_sizes import ModelSize, classes_counted, sizes_of
from zoo.architecture import Architecture
from zoo.catalog import Entry
from zoo.loading import Sources, build_catalog

PLUGIN = """
import os

from torch import nn

from zoo import Architecture, hookimpl


def small(request):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, request.num_classes))


def ends(request):
    os._exit(3)


@hookimpl
def zoo_architectures():
    for name, build in (("first", small), ("ends", ends), ("last", small)):
        yield Architecture(name=name, build=build, native_size=8)
"""


def test_a_network_that_ends_the_process_costs_only_its_own_size_and_no_second_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "nets.py"
    file.write_text(PLUGIN)
    sources = Sources(files=(str(file),), entry_points=False, builtin=False)
    entries = list(build_catalog(sources).architectures)
    found = sizes_of(entries, sources)
    small = ModelSize(params=40, macs=30)  # a linear layer from 3 features to 10 classes
    assert found == {
        "nets/first": small,
        "nets/ends": ModelSize(None, None, "it ended the process"),
        "nets/last": small,
    }
    again: list[object] = []
    monkeypatch.setattr(model_sizes, "_counted", lambda entries, sources: iter(again.extend(entries) or ()))
    assert sizes_of(entries, sources) == found
    assert again == []


def test_what_another_process_counts_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "nets.py"
    file.write_text(PLUGIN)
    sources = Sources(files=(str(file),), entry_points=False, builtin=False)
    first, _, last = build_catalog(sources).architectures

    def counted(entries: Sequence[Entry[Architecture]], sources: Sources) -> Iterator[tuple[str, ModelSize]]:
        for entry in entries:
            if entry is first:  # what follows stands for another process
                sizes_of([last], sources)
            yield entry.full_name, ModelSize(1, 2)

    monkeypatch.setattr(model_sizes, "_counted", counted)
    sizes_of([first], sources)
    monkeypatch.setattr(
        model_sizes, "_counted", lambda entries, sources: pytest.fail("counted again") if entries else iter(())
    )
    assert set(sizes_of([first, last], sources).values()) == {ModelSize(1, 2)}


def test_heads_count_as_published_or_by_the_size_of_the_images() -> None:
    small, large = (Architecture(name="a", build=lambda request: None, native_size=side) for side in (32, 224))  # type: ignore[arg-type, return-value]
    assert [classes_counted(small, None), classes_counted(large, None), classes_counted(small, 21)] == [10, 1000, 21]
