"""The schema of leaderboard.json."""

from __future__ import annotations

import json

import pytest

from .conftest import MakeSite, StoreMaker


def test_the_json_fits_the_schema_that_stands_beside_it(filled: StoreMaker, make_site: MakeSite) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    folder, _ = make_site(filled)
    schema = json.loads((folder / "leaderboard.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    data = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))
    jsonschema.validate(data, schema)
    data["tables"][0]["rows"][0]["seeds"] = "three"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema)
