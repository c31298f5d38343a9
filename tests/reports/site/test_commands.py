"""Commands: the command line of a row runs the very same trials."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from harness.planning.plan import make_plan
from harness.planning.selection import select
from harness.records.spec import ASKED, ExecutionSpec
from reports.site.commands import rerun_arguments
from zoo import Catalog
from zoo.cli.group import zoo


def _planned(arguments: list[str], catalog: Catalog) -> list:
    from zoo.api.choosing import parse_settings
    from zoo.cli.options.selecting import raw_request

    command = zoo.get_command(None, "bench")  # type: ignore[arg-type]
    context = command.make_context("bench", list(arguments[1:]))
    errors: list = []
    request = parse_settings(raw_request(context.params, errors), errors, origin="it")
    assert errors == []
    return list(make_plan(select(request, catalog)).trials)


@pytest.mark.parametrize(
    "line",
    [
        "bench --models lenet5 --data digits --recipes adamw_cosine --seeds 2 --first-seed 5 --limit-train 300",
        "bench --models timm/resnet18 --data folder:my_photos --recipes sgd_step --set data.image_size=48 "
        "--set data.bit_depth=12 --set recipe.lr=0.031 --set model.drop_rate=0.25 "
        "--no-small-images --device cpu --threads 2 --precision bf16",
    ],
)
def test_the_command_of_a_row_reproduces_its_trials(line: str, catalog: Catalog, tmp_path: Path) -> None:
    wanted = _planned(shlex.split(line), catalog)
    seeds = [spec.seed for spec in wanted]
    again = _planned(rerun_arguments(wanted[0], seeds), catalog)
    # How images are prepared is set explicitly, so it becomes what is asked for.
    left_out = {"dataset": set(ASKED)}
    assert [spec.model_dump(exclude=left_out) for spec in again] == [
        spec.model_dump(exclude=left_out) for spec in wanted
    ]
    assert ExecutionSpec(**again[0].execution.model_dump()) == again[0].execution
