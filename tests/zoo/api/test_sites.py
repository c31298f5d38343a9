"""Sites: a leaderboard is written as pages, with a model card if one is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

import zoo
from reports.site.options import SiteOptions
from zoo.api.sites import write_report

STORE = Path(__file__).parents[2] / "fixtures" / "store-v1"


def test_a_site_is_written_with_the_card_of_a_model(tmp_path: Path) -> None:
    ranking = zoo.rank(STORE)
    model = ranking.leaderboard.rows[0].model
    summary = write_report(ranking.leaderboard, ranking.trials, tmp_path, SiteOptions(), model_card=model)
    assert summary.num_pages >= 1
    assert (tmp_path / "index.html").is_file()
    assert any(model in path.read_text("utf-8") for path in tmp_path.glob("*.md"))


def test_a_card_needs_a_row_with_a_result(tmp_path: Path) -> None:
    ranking = zoo.rank(STORE)
    with pytest.raises(zoo.errors.UnknownNameError, match="no row with a result is called 'absent'"):
        write_report(ranking.leaderboard, ranking.trials, tmp_path, SiteOptions(), model_card="absent")
