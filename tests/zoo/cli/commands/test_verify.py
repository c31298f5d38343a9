"""``zoo verify``: a sample of trials is run again."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from zoo import Catalog
from zoo.cli.group import zoo

STORE = Path(__file__).parents[3] / "fixtures" / "store-v1"
WORKFLOWS = Path(__file__).parents[4] / "examples" / "board"


def invoke(*args: str | Path) -> Result:
    return CliRunner().invoke(zoo, ["--no-plugins", *map(str, args)])


def test_a_site_whose_page_was_edited_fails_although_its_sums_were_redone(tmp_path: Path) -> None:
    runs, site = tmp_path / "runs", tmp_path / "site"
    shutil.copytree(STORE, runs)
    assert invoke("report", runs, "-o", site, "--no-images", "--title", "Ours").exit_code == 0
    honest = invoke("verify", site, runs)
    assert honest.exit_code == 0, honest.output
    assert "every page, written again" in honest.stdout
    page, sums = site / "leaderboard.md", site / "SHA256SUMS"
    before = hashlib.sha256(page.read_bytes()).hexdigest()
    page.write_text(re.sub(r"\d\d\.\d ±", "99.9 ±", page.read_text(encoding="utf-8")), encoding="utf-8")
    sums.write_text(sums.read_text().replace(before, hashlib.sha256(page.read_bytes()).hexdigest()))
    forged = invoke("verify", site, runs)
    assert forged.exit_code == 1
    assert "leaderboard.md is not what the records give: line " in forged.stderr


@pytest.mark.parametrize("name", ["verify.yml", "publish.yml"])
def test_the_workflows_for_a_board_call_commands_that_exist(name: str) -> None:
    lines = (WORKFLOWS / name).read_text(encoding="utf-8").splitlines()
    commands = [line.split("run: ")[-1].strip() for line in lines if re.search(r"(^|run: )\s*zoo ", line.strip())]
    assert len(commands) == {"verify.yml": 1, "publish.yml": 4}[name]
    for words in map(shlex.split, commands):
        command = zoo.get_command(None, words[1])  # type: ignore[arg-type]
        assert command is not None
        command.make_context(words[1], words[2:], parent=click.Context(zoo))


@pytest.mark.slow
def test_trials_are_run_again_and_found_the_same(zoo_script: Path, tmp_path: Path, catalog: Catalog) -> None:
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [zoo_script, "--no-plugins", *args], cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=250
        )

    line = "bench --models linear --data digits --seeds 2 --epochs 1 --measure-seconds 0 --device cpu --out runs -q"
    made = run(*line.split())
    assert made.returncode == 0, made.stderr
    done = run("verify", "runs", "--sample", "1")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 repeated trials reproduced" in done.stdout
    statuses = json.loads((tmp_path / "runs" / "verification.json").read_text())["trials"]
    assert sorted(each["status"] for each in statuses.values()) == ["recomputed", "reproduced"]
    assert run("report", "runs", "-o", "site", "--model-card", "linear").returncode == 0
    (page,) = (tmp_path / "site" / "rows").glob("*.html")
    assert "badge reproduced" in page.read_text(encoding="utf-8")
    assert '<img src="../images/' in page.read_text(encoding="utf-8"), "digits are in the cache, so they are shown"
    assert "model-index" in (tmp_path / "site" / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_a_site_without_its_sums_is_called_that(tmp_path: Path) -> None:
    for name in ("index.html", "leaderboard.json"):
        (tmp_path / name).write_text("{}")
    done = CliRunner().invoke(zoo, ["verify", str(tmp_path)])
    assert done.exit_code == 2
    assert "is a site without SHA256SUMS" in done.output
