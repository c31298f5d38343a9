"""What is missing after a follow-up is said, and nothing else is."""

from __future__ import annotations

import pytest

from harness.bench.follow_up import FollowUpSummary


@pytest.mark.parametrize(
    ("fields", "sentences"),
    [
        ({"notes": ("a note is no shortfall",)}, []),
        ({"failures": ("net failed: no",)}, ["net failed: no"]),
        ({"not_started": 2}, ["2 nets not started: the budget is spent"]),
        ({"interrupted": True}, ["interrupted; run the same command again to continue"]),
        (
            {"failures": ("net failed: no",), "not_started": 2, "interrupted": True},
            [
                "net failed: no",
                "2 nets not started: the budget is spent",
                "interrupted; run the same command again to continue",
            ],
        ),
    ],
)
def test_each_shortfall_has_a_sentence(fields: dict[str, object], sentences: list[str]) -> None:
    known = {"done": 1, "reused": 0, "failures": (), "notes": (), "not_started": 0, "interrupted": False}
    assert FollowUpSummary(**{**known, **fields}).shortfalls("2 nets not started") == sentences  # type: ignore[arg-type]
