"""Citation: a sentence and a BibTeX entry for a row."""

from __future__ import annotations

from harness.records.record import FailureKind, Outcome
from reports.leaderboard.building import build_leaderboard
from reports.site.entries import entries_of
from reports.site.row.citation import citation_of


def cited(trials, title="My board"):
    return citation_of(entries_of(build_leaderboard(trials), trials)[0], title)


def test_a_row_is_cited_with_its_result_and_a_digest(make_trials):
    found = cited(make_trials("net_a", accuracy=0.9), "50 % & more")
    assert found.sentence.startswith("net_a (sgd) on toy: 90.0 % accuracy over 3 seeds, 95 % interval ")
    assert found.sentence.endswith(f"% & more, results {found.digest[:16]}.")
    assert f"@misc{{zoo-{found.digest[:12]}," in found.bibtex
    assert r"net\_a (sgd) on toy" in found.bibtex
    assert r"howpublished = {50 \% \& more}" in found.bibtex


def test_a_digest_is_that_of_the_results_whatever_the_board_is_called(make_trials):
    first, second = make_trials("a", accuracy=0.9), make_trials("b", accuracy=0.9)
    assert cited(first).digest != cited(second).digest
    assert cited(first).digest == cited(first, "Another board").digest
    assert cited(first).digest != cited(first[:2]).digest


def test_a_row_without_a_result_is_not_cited(make_trial):
    assert cited([make_trial(outcome=Outcome.FAILED, failure=(FailureKind.OOM, "full"))]) is None
