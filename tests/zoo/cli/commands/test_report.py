"""``zoo report`` and its kin, as a user calls them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from harness.planning.plan import make_plan
from harness.planning.selection import select
from harness.records.spec import ExecutionSpec
from reports.site.commands import rerun_arguments
from zoo import Catalog
from zoo.cli.group import zoo

RunZoo = Callable[..., Result]
STORE = Path(__file__).parents[3] / "fixtures" / "store-v1"


def test_a_store_becomes_a_site(run_zoo: RunZoo, tmp_path: Path) -> None:
    done = run_zoo("report", str(STORE), "-o", str(tmp_path / "site"), "--title", "Our zoo")
    assert done.exit_code == 0, done.output
    assert "open " in done.output
    assert "<title>Our zoo</title>" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


def test_a_store_that_is_not_there_is_one_sentence(run_zoo: RunZoo, tmp_path: Path) -> None:
    done = run_zoo("report", str(tmp_path / "nothing"), "-o", str(tmp_path / "site"))
    assert done.exit_code == 2
    assert "there is no folder" in done.output
    assert not (tmp_path / "site").exists()


def test_a_model_card_of_no_row_names_near_ones(run_zoo: RunZoo, tmp_path: Path) -> None:
    data = json.loads((next(STORE.glob("*/record.json"))).read_bytes())
    model = data["spec"]["architecture"]["display_name"]
    done = run_zoo("report", str(STORE), "-o", str(tmp_path / "site"), "--model-card", f"{model}x")
    assert done.exit_code == 2
    assert model in done.output


def test_a_folder_that_is_no_site_is_not_published(run_zoo: RunZoo, tmp_path: Path) -> None:
    done = run_zoo("publish", str(tmp_path), "--to", "folder", "--at", str(tmp_path / "www"))
    assert done.exit_code == 2
    assert "holds no site" in done.output
    assert run_zoo("publish", str(tmp_path), "--to", "hf-space", "--at", "noname").exit_code == 2


@pytest.mark.parametrize(
    "line",
    [
        "bench --models lenet5 --data digits --recipes adamw_cosine --seeds 2 --first-seed 5 --limit-train 300",
        "bench --models timm/resnet18 --data folder:my_photos --recipes sgd_step --set data.image_size=48 "
        "--set recipe.lr=0.031 --set model.drop_rate=0.25 --no-small-images --device cpu --threads 2 --precision bf16",
    ],
)
def test_the_command_of_a_row_asks_for_the_very_trials(line: str, catalog: Catalog, tmp_path: Path) -> None:
    wanted = _planned(shlex.split(line), catalog)
    seeds = [spec.seed for spec in wanted]
    again = _planned(rerun_arguments(wanted[0], seeds), catalog)
    assert [spec.model_dump() for spec in again] == [spec.model_dump() for spec in wanted]
    assert ExecutionSpec(**again[0].execution.model_dump()) == again[0].execution


def _planned(arguments: list[str], catalog: Catalog) -> list:
    from zoo.cli.options.selecting import _parse, _raw_request

    command = zoo.get_command(None, "bench")  # type: ignore[arg-type]
    context = command.make_context("bench", list(arguments[1:]))
    errors: list = []
    request = _parse(_raw_request(context.params, errors), errors, suite=None)
    assert errors == []
    return list(make_plan(select(request, catalog)).trials)
