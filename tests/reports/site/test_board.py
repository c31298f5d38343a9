"""The board: each row once, with its rank."""

from __future__ import annotations

import json

from .conftest import MakeSite, StoreMaker, block


def test_the_board_holds_each_row_once_with_its_rank(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    board = block(folder / "index.html", "board")
    data = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))
    names = [row["cells"]["model"] for table in data["tables"] for row in table["rows"]]
    model = next(column for column in board["columns"] if column["key"] == "model")["plain"]["model"]
    model = model if isinstance(model, list) else [model["words"][place] for place in model["places"]]
    assert model == names
    assert sorted(row for table in board["tables"] for row in table["rows"]) == list(range(11))
