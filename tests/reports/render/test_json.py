"""A leaderboard as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import reports
from harness.records.record import FailureKind, Outcome
from reports.leaderboard.building import build_leaderboard
from reports.render.writing import render


def test_json_is_laid_out_as_its_schema_says(make_trial, make_trials):
    schema = json.loads((Path(reports.__file__).parent / "leaderboard.schema.json").read_text())
    failed = make_trial("bad", outcome=Outcome.FAILED, failure=(FailureKind.OOM, "full"))
    leaderboard = build_leaderboard([*make_trials("good", metrics={"nll": 0.2}), failed])
    data = json.loads(render(leaderboard, "json"))
    table_schema = schema["properties"]["tables"]["items"]
    row_schema, cell_schema = schema["$defs"]["row"], schema["$defs"]["cells"]
    assert set(data) == set(schema["required"])
    assert set(data["tables"][0]) == set(table_schema["required"])
    types = {"integer": int, "number": (int, float), "string": str, "boolean": bool, "null": type(None)}
    for row in data["tables"][0]["rows"]:
        assert set(row) == set(row_schema["required"])
        assert set(row["cells"]) == {*cell_schema["properties"], "nll", "nll_sd", "nll_low", "nll_high"}
        for key, value in row["cells"].items():
            allowed = cell_schema["properties"].get(key, cell_schema["additionalProperties"])["type"]
            names = [allowed] if isinstance(allowed, str) else allowed
            assert any(isinstance(value, types[name]) for name in names), key
    assert schema["properties"]["schema_version"]["const"] == data["schema_version"]
