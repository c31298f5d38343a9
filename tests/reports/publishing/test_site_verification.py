"""Site verification: what a published leaderboard is checked for, and what is said of it."""

from __future__ import annotations

import json
import re
import sys

import pytest

from harness.system.atomic_files import sha256_of
from reports.publishing.site_verification import check_site

from .conftest import MakeSite, RunZoo, StoreMaker


def test_a_report_is_held_to_its_sums_its_schema_and_its_runs(
    filled: StoreMaker, make_site: MakeSite, zoo: RunZoo
) -> None:
    pytest.importorskip("jsonschema")
    folder, _ = make_site(filled)
    assert zoo("verify", folder).exit_code == 0
    both = zoo("verify", folder, filled.root, "--require-seeds", "0")
    assert both.exit_code == 0, both.output
    assert re.search(
        r"passed: checksums of \d+ files, schema, seeds, comparison with the runs, every page, written again\n",
        both.output,
    )
    path = folder / "leaderboard.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["tables"][-1]["rows"][0]["cells"]["accuracy"] = 0.999
    path.write_text(json.dumps(data), encoding="utf-8")
    done = zoo("verify", folder, filled.root, "--require-seeds", "0")
    assert done.exit_code == 1
    assert "leaderboard.json does not match its checksum" in done.output
    assert "accuracy is published as 0.999, but is " in done.output
    del data["tables"][0]["rows"]
    path.write_text(json.dumps(data), encoding="utf-8")
    assert "'rows' is a required property" in zoo("verify", folder).output


def test_the_schema_is_not_said_to_be_checked_where_it_was_not(
    filled: StoreMaker, make_site: MakeSite, zoo: RunZoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = make_site(filled)
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    done = zoo("verify", folder)
    assert done.exit_code == 0, done.output
    assert re.search(r"passed: checksums of \d+ files, seeds\n", done.output)
    assert "the schema was not checked, which requires jsonschema" in done.output


@pytest.mark.parametrize("content", [[], {}, {"tables": [{}]}, {"tables": [{"rows": [{}]}]}, {"tables": 3}])
def test_what_is_no_leaderboard_is_said_without_the_schema_too(
    filled: StoreMaker, make_site: MakeSite, monkeypatch: pytest.MonkeyPatch, content: object
) -> None:
    folder, _ = make_site(filled)
    path = folder / "leaderboard.json"
    before = sha256_of(path)
    path.write_text(json.dumps(content), encoding="utf-8")
    sums = next(each for each in folder.iterdir() if each.is_file() and before in each.read_text(encoding="utf-8"))
    sums.write_text(sums.read_text(encoding="utf-8").replace(before, sha256_of(path)), encoding="utf-8")
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    (problem,) = check_site(folder).problems
    assert problem.startswith("leaderboard.json is not a leaderboard that zoo wrote")


def test_a_folder_without_checksums_is_no_site(tmp_path) -> None:
    check = check_site(tmp_path)
    assert "is missing or empty" in check.problems[0]
    assert check.checked == ()
