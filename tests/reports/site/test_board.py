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


def test_rows_have_the_labels_ties_and_conditions_that_charts_need(store: StoreMaker, make_site: MakeSite) -> None:
    for seed in range(3):
        store.add("net", recipe="sgd", skill=5.0, seed=seed)
        store.add("net", recipe="adam", skill=0.1, seed=seed)
    store.add("net", recipe="slow", skill=4.8, measurement_key="e" * 64)
    folder, _ = make_site(store)
    board = block(folder / "index.html", "board")
    rows = board["rows"]
    assert rows["label"] == ["net, sgd", "net, slow", "net, adam"], "labels name what differs"
    assert rows["comparable"] == [True, False, True]
    assert rows["place"] == [0, 1, 2]
    assert rows["tied"] == [[0, 1], [0, 1], [2, 2]]
    assert next(column for column in board["columns"] if column["key"] == "inference_speed")["conditional"]


def test_the_page_shows_few_columns_at_first(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    columns = {column["key"]: column["shown"] for column in block(folder / "index.html", "board")["columns"]}
    assert [key for key, shown in columns.items() if shown] == [
        "rank",
        "model",
        "recipe",
        "accuracy",
        "interval",
        "seeds",
        "unfinished",
        "params",
        "inference_speed",
    ]
    assert {"macro_f1", "macs", "wall_time", "peak_memory"} <= set(columns)


def test_without_a_script_each_row_is_text_with_a_link(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    page = (folder / "index.html").read_text(encoding="utf-8")
    plain = page[page.index("<noscript>") : page.index("</noscript>")]
    data = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))
    assert plain.count("<tr>") == 1 + len(data["tables"][0]["rows"])
    assert 'href="rows/net3--other--adam-' in plain


def test_speeds_come_with_the_range_of_their_windows(store: StoreMaker, make_site: MakeSite) -> None:
    store.add("net", speed=1000.0)
    folder, _ = make_site(store)
    columns = {column["key"]: column for column in block(folder / "index.html", "board")["columns"]}
    assert columns["inference_speed"]["spread"] == ["[900, 1,100]"]
    assert "spread" not in columns["params"]
    assert "[900, 1,100]" in next((folder / "rows").iterdir()).read_text(encoding="utf-8")
