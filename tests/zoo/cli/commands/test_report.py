"""``zoo report``: a site from records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

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
