"""Commands: the command line of a row runs the very same trials."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from harness.planning.plan import make_plan
from harness.planning.selection import select
from harness.records.origin import Origin, OriginKind
from harness.records.spec import ASKED, ExecutionSpec, TrialSpec
from reports.site.commands import reproduction, rerun_arguments
from zoo import Catalog
from zoo.api.sites import defaults_of
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


@pytest.mark.parametrize(
    ("line", "short"),
    [
        ("bench --models lenet5 --data digits --recipes sgd_quick --seeds 3", ""),
        (
            "bench --models lenet5 --data digits --recipes adamw_cosine --seeds 3 --limit-train 300 --epochs 4",
            " --limit-train 300 --set recipe.epochs=4",
        ),
        (
            "bench --models timm/resnet18 --data folder:my_photos --recipes sgd_step --seeds 3 "
            "--set data.image_size=48 --set recipe.lr=0.031 --set model.drop_rate=0.25 --no-small-images "
            "--precision bf16 --folds 5 --resplit",
            " --folds 5 --precision bf16 --resplit --no-small-images --set model.drop_rate=0.25 "
            "--set data.image_size=48 --set recipe.lr=0.031",
        ),
    ],
)
def test_the_short_command_gives_what_differs_from_the_defaults(line: str, short: str, catalog: Catalog) -> None:
    wanted = _planned(shlex.split(line), catalog)
    defaults = defaults_of(catalog, [(Path(), Holder(wanted[0]))])  # type: ignore[list-item]
    seeds = [0, 1, 2]
    arguments = rerun_arguments(wanted[0].whole, seeds, defaults=defaults)
    assert shlex.join(arguments).partition(" --seeds 3")[2] == short
    again = _planned(arguments, catalog)
    assert [spec.model_dump() for spec in again] == [spec.model_dump() for spec in wanted]
    assert len(rerun_arguments(wanted[0], seeds)) > len(arguments)


class Holder:
    """What stands for a record that has a spec only."""

    def __init__(self, spec: TrialSpec) -> None:
        self.spec = spec


def test_settings_of_another_version_of_a_plugin_are_all_given(catalog: Catalog) -> None:
    (spec,) = _planned(shlex.split("bench --models lenet5 --data digits --recipes sgd_quick --seeds 1"), catalog)
    provider = spec.recipe.provider.model_copy(update={"version": "0.0.1"})
    other = spec.model_copy(update={"recipe": spec.recipe.model_copy(update={"provider": provider})})
    defaults = defaults_of(catalog, [(Path(), Holder(spec))])  # type: ignore[list-item]
    assert not any("recipe." in each for each in rerun_arguments(spec, [0], defaults=defaults))
    assert any("recipe.lr=" in each for each in rerun_arguments(other, [0], defaults=defaults))


def test_a_command_names_the_runtime_and_the_files_of_plugins(catalog: Catalog) -> None:
    (spec,) = _planned(shlex.split("bench --models lenet5 --data digits --recipes sgd_quick --seeds 1"), catalog)
    file = spec.architecture.provider.model_copy(update={"plugin": "my_nets", "distribution": ""})
    mine = spec.model_copy(update={"architecture": spec.architecture.model_copy(update={"provider": file})})
    arguments = rerun_arguments(mine, [0], runtime="onnx", defaults={})
    assert shlex.join(arguments).count("--runtimes eager,onnx --plugin my_nets.py") == 1
    assert "--plugin" not in rerun_arguments(spec, [0])
    assert "--runtimes" not in rerun_arguments(spec, [0])


def test_a_row_says_what_to_install_and_what_to_expect(make_trials) -> None:
    records = [record for _, record in make_trials(seeds=3)]
    found = reproduction(records, {("recipe", "zoo/sgd"): ("1", {"lr": 0.1, "batch_size": 64})})
    assert found.install == "pip install torch==2.11.0"
    (short,), (full,) = found.short, found.full
    assert "recipe.lr" not in short
    assert "--set recipe.lr=0.1 --set recipe.batch_size=64" in full
    assert found.fingerprint == "f" * 64
    assert found.keys == tuple((record.spec.seed, record.result_key) for record in records)


def test_a_row_of_predictions_is_added_again_and_says_where_it_comes_from(make_trials) -> None:
    origin = Origin(kind=OriginKind.PREDICTIONS, source="theirs.csv", files={"theirs.csv": "0" * 64})
    records = [record.model_copy(update={"origin": origin}) for _, record in make_trials(seeds=1)]
    found = reproduction(records, {})
    assert (found.full, found.origin) == ((), "predictions only: theirs.csv")
    assert found.short == ("zoo add theirs.csv --data zoo/toy",)
