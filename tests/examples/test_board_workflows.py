"""The workflow files of a board that CI verifies and publishes: read as GitHub would, and run step by step."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "board"
NAMES = ("verify.yml", "publish.yml")
yaml = pytest.importorskip("yaml", reason="PyYAML reads the workflow files")


def workflow(name: str) -> dict[Any, Any]:
    """Return a workflow file as data; YAML 1.1 reads the key ``on`` as true."""
    data = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


def steps(name: str) -> list[dict[str, Any]]:
    (job,) = workflow(name)["jobs"].values()
    return list(job["steps"])


def test_workflows_ask_for_the_fewest_permissions() -> None:
    assert workflow("verify.yml")["permissions"] == {"contents": "read"}
    assert workflow("publish.yml")["permissions"] == {"contents": "write"}, "it pushes the receipt and the site"
    for name in NAMES:
        (job,) = workflow(name)["jobs"].values()
        assert set(job) == {"runs-on", "timeout-minutes", "steps"}, "no job asks for more than its workflow"


def test_a_pull_request_runs_with_its_own_rights_only() -> None:
    assert workflow("verify.yml")[True] == "pull_request", "pull_request_target would run with the rights of the board"
    assert workflow("publish.yml")[True] == {"push": {"branches": ["main"]}}
    (checkout,) = (step for step in steps("verify.yml") if "checkout" in step.get("uses", ""))
    assert checkout["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_a_stranger_writes_becomes_part_of_a_command(name: str) -> None:
    assert "${{" not in (FOLDER / name).read_text(encoding="utf-8")
    for step in steps(name):
        for variable in re.findall(r"\$\w+", step.get("run", "")):
            assert f'"origin/{variable}"' in step["run"], "a variable stands in quotes, behind the name of the remote"


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_by_the_hash_of_their_commit(name: str) -> None:
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert len(used) == 2
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", each) for each in used)


class Runner:
    """Runs the steps of a workflow in a clone, as a runner of GitHub does: bash -e, one after the other."""

    def __init__(self, root: Path, zoo_script: Path) -> None:
        self.root = root
        tools = root / "tools"
        tools.mkdir()
        # What the workflow would install is installed already.
        for tool, text in {"pip": "exit 0", "zoo": f'exec "{zoo_script}" --no-plugins "$@"'}.items():
            (tools / tool).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
            (tools / tool).chmod(0o755)
        self.variables = {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(root),
            "ZOO_CACHE": str(root / "cache"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GITHUB_BASE_REF": "main",
            "PYTHONUTF8": "1",
        }

    def call(self, *command: str | Path, where: Path, ok: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=where, env=self.variables, capture_output=True, encoding="utf-8", timeout=400, check=False
        )
        assert not ok or done.returncode == 0, done.stdout + done.stderr
        return done

    def run(self, name: str, clone: Path) -> subprocess.CompletedProcess[str]:
        """Run the steps of a workflow up to the first that fails, and return the last one that ran."""
        done = None
        for step in steps(name):
            if "run" in step:
                done = self.call("bash", "-e", "-c", step["run"], where=clone, ok=False)
                if done.returncode:
                    break
        assert done is not None
        return done


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="the workflows run on Linux")
@pytest.mark.skipif(not shutil.which("ssh-keygen") or not shutil.which("git"), reason="git and ssh-keygen are needed")
def test_the_steps_verify_a_submission_refuse_a_forged_one_and_publish_the_board(
    tmp_path: Path, zoo_script: Path
) -> None:
    runner = Runner(tmp_path, zoo_script)
    call = runner.call
    board, origin = tmp_path / "board", tmp_path / "origin.git"
    call("git", "init", "-q", "--bare", "-b", "main", origin, where=tmp_path)
    call("git", "clone", "-q", origin, board, where=tmp_path)
    for key, value in (("user.name", "tester"), ("user.email", "tester@example.org")):
        call("git", "config", "--global", key, value, where=tmp_path)
    call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", tmp_path / "key", where=tmp_path)
    public = (tmp_path / "key.pub").read_text().strip()
    (board / "allowed_signers").write_text(f"alice@example.org {public}\n")

    # The board begins with a list of signers only.
    call("git", "checkout", "-q", "-B", "main", where=board)
    call("git", "add", ".", where=board)
    call("git", "commit", "-q", "-m", "Say who may sign", where=board)
    call("git", "push", "-q", "-u", "origin", "main", where=board)

    # A submission, as a pull request.
    bench = (
        "zoo bench --models linear --data digits --seeds 3 --epochs 1 --measure-seconds 0 --device cpu --out results -q"
    )
    call(*bench.split(), where=tmp_path)
    call("git", "checkout", "-q", "-b", "submission", where=board)
    call("zoo", "submit", tmp_path / "results", "-o", "runs", "--sign", tmp_path / "key", where=board)
    call("git", "add", ".", where=board)
    call("git", "commit", "-q", "-m", "Submit", where=board)
    done = runner.run("verify.yml", board)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 trials signed by alice@example.org" in done.stdout
    assert "2 of 2 repeated trials reproduced" in done.stdout
    call("git", "checkout", "-q", "--force", "submission", where=board)

    # One that brings a receipt and a signer of its own, for a record that was edited.
    call("git", "checkout", "-q", "-b", "forged", where=board)
    record = next(board.glob("runs/linear*s0*/record.json"))
    record.write_text(re.sub(r'"epochs": 1', '"epochs": 2', record.read_text(encoding="utf-8")), encoding="utf-8")
    (board / "allowed_signers").write_text(f"mallory@example.org {public}\n")
    call("git", "commit", "-q", "-a", "-m", "Forge", where=board)
    forged = runner.run("verify.yml", board)
    assert forged.returncode == 1, forged.stdout + forged.stderr
    assert "mallory" not in forged.stdout + forged.stderr, "the signers are those of the main branch"
    call("git", "checkout", "-q", "--force", "main", where=board)
    call("git", "clean", "-q", "-fdx", where=board)

    # The honest one is merged, and the board published.
    call("git", "merge", "-q", "--ff-only", "submission", where=board)
    call("git", "push", "-q", where=board)
    published = runner.run("publish.yml", board)
    assert published.returncode == 0, published.stdout + published.stderr
    assert call("git", "show", "main:runs/verification.json", where=origin).stdout.count('"reproduced"') == 2
    pages = call("git", "ls-tree", "-r", "--name-only", "gh-pages", where=origin).stdout.split()
    assert {"index.html", "leaderboard.json", "SHA256SUMS"} <= set(pages)
    assert "badge reproduced" in call("git", "grep", "-h", "badge reproduced", "gh-pages", where=origin).stdout
