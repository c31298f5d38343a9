"""Options of places: where trials run, and where datasets are stored."""

from __future__ import annotations

import click
import pytest

from zoo.cli.options.placing import dataset_places, placing_options


@pytest.mark.parametrize("name", ["executor", "address", "executor_options", "jobs", "devices", "jobs_per_device"])
def test_the_options_of_placing_are_text_that_is_checked_later(name: str) -> None:
    @click.command()
    @placing_options
    @dataset_places
    def command(**params: object) -> None: ...

    params = command.make_context("it", ["--jobs", "many", "--data-root", "here", "--offline"]).params
    assert name in params
    assert (params["jobs"], params["data_root"], params["offline"]) == ("many", "here", True)
