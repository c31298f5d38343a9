"""The examination: each check reports what is wrong, with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.catalog import Plugin, Provider
from zoo.cli.diagnosis import examination
from zoo.cli.diagnosis.examination import OK, PROBLEM, WARNING, Finding, Probe

HEALTHY = {
    "torch": "2.14.0",
    "torchvision": "0.29.0",
    "cuda": "",
    "hip": "",
    "accelerator": "",
    "bf16": False,
    "gpus": [],
    "gpu_trouble": "",
    "threads": 1,
    "available": True,
}


BROKEN = Probe(facts=None, error="RuntimeError: operator torchvision::nms does not exist")


def _status(finding: Finding) -> str:
    assert (finding.status == OK) is (not finding.remedy)
    return finding.status


def test_a_torch_and_a_torchvision_that_do_not_belong_together_are_a_problem() -> None:
    finding = examination.torch_pair(BROKEN)
    assert _status(finding) == PROBLEM
    assert "torchvision::nms does not exist" in finding.sentence


@pytest.mark.parametrize(
    ("facts", "has_driver", "status", "words"),
    [
        ({}, False, OK, "none found; trials run on the CPU"),
        (
            {"gpus": ["NVIDIA H100"], "cuda": "13.2", "accelerator": "cuda", "bf16": True},
            True,
            OK,
            "CUDA 13.2 with NVIDIA H100; --device auto trains on cuda:0 in bf16",
        ),
        (
            {"gpus": ["AMD Instinct MI300X"], "hip": "7.0", "accelerator": "cuda", "bf16": True},
            False,
            OK,
            "ROCm 7.0 with AMD Instinct MI300X; --device auto trains on cuda:0 in bf16",
        ),
        (
            {"gpus": ["one GPU"], "accelerator": "mps"},
            False,
            OK,
            "Metal with one GPU; --device auto trains on mps in fp32; CUDA graphs, fp16 and --gpus-per-trial are for",
        ),
        ({"gpus": ["Arc B580"] * 2, "accelerator": "xpu"}, False, OK, "xpu with Arc B580, Arc B580; --device auto"),
        ({"cuda": "13.2"}, True, WARNING, "is built for CUDA 13.2 and finds no GPU"),
        ({}, True, WARNING, "is built for the CPU only and finds no GPU"),
        ({"gpu_trouble": "CUDA error: out of memory"}, True, PROBLEM, "out of memory"),
    ],
)
def test_gpus(facts: dict[str, object], has_driver: bool, status: str, words: str) -> None:
    finding = examination.gpu(Probe(facts={**HEALTHY, **facts}), has_driver=has_driver)
    assert _status(finding) == status
    assert words in finding.sentence


def test_more_threads_than_cores_are_a_warning() -> None:
    assert _status(examination.threads(Probe(facts=HEALTHY))) == OK
    assert _status(examination.threads(Probe(facts={**HEALTHY, "threads": 4096}))) == WARNING


def test_the_limits_of_control_groups_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.system.cores.usable_cores", lambda: 0.5)
    finding = examination.threads(Probe(facts={**HEALTHY, "threads": 2}))
    assert _status(finding) == WARNING
    assert "0.5 of" in finding.sentence
    assert "--threads 1;" in finding.remedy


def test_a_fork_server_that_fails_is_a_problem_and_none_a_warning() -> None:
    assert _status(examination.fork_server(Probe(facts=None, error="OSError"))) == PROBLEM
    assert _status(examination.fork_server(Probe(facts={"available": False}))) == WARNING


def test_a_library_that_is_missing_or_too_old_is_a_problem() -> None:
    finding = examination.versions(["click>=999", "no-such-library>=1", "nothing>=1; extra == 'x'", "pluggy>=1.5"])
    assert _status(finding) == PROBLEM
    assert "but 999 is needed; no-such-library is missing" in finding.sentence
    assert "nothing" not in finding.sentence


def test_a_second_owner_of_our_packages_is_a_problem_that_names_it(tmp_path: Path) -> None:
    assert _status(examination.owners(path=(), installed={"plugins": ["zoobench"]})) == OK
    finding = examination.owners(path=(), installed={"plugins": ["zoobench", "other-thing"]})
    assert _status(finding) == PROBLEM
    assert "other-thing also has a package plugins" in finding.sentence
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "__init__.py").touch()
    finding = examination.owners(path=(str(tmp_path),), installed={})
    assert f"{tmp_path} also has a package reports" in finding.sentence


def test_a_slip_in_the_list_of_trusted_plugins_is_a_warning() -> None:
    good = Plugin(provider=Provider(name="a", origin="built-in", module="a"), state="loaded")
    assert [_status(each) for each in examination.plugins([good], ["ZOO_PLUGINS lists 'x'"])] == [WARNING]
    assert [_status(each) for each in examination.plugins([good], [])] == [OK]


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    assert _status(examination.folder("x", tmp_path / "file", remedy="y")) == PROBLEM
    assert _status(examination.folder("x", tmp_path / "file" / "below", remedy="y")) == PROBLEM
    assert "will be created when needed" in examination.folder("x", tmp_path / "a" / "b", remedy="y").sentence
    for gib, status in ((0.5, PROBLEM), (5, WARNING), (50, OK)):
        usage = type("Usage", (), {"free": gib * 2**30})
        monkeypatch.setattr(examination.shutil, "disk_usage", lambda path, usage=usage: usage)
        assert _status(examination.folder("x", tmp_path, remedy="y")) == status


def test_an_examination_that_fails_is_a_finding() -> None:
    def look() -> Finding:
        raise KeyError("odd")

    assert _status(examination.examined("x", look)) == PROBLEM


def test_extras_say_what_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"data": frozenset({"numpy"}), "fast": frozenset({"no-such-a"})}
    monkeypatch.setattr("zoo.dependencies.extras", lambda: known)
    needs = [
        ("runtime a", ("numpy", "no-such-a"), True),
        ("metric b", ("no-such-b",), False),
        ("recipe c", ("numpy",), False),
        ("listener d", ("no-such-b",), True),
    ]
    first, second = examination.extras(needs)
    assert first.sentence == "installed: data; not installed: fast (runtime a)"
    assert _status(first) == OK
    assert (second.sentence, second.remedy) == (
        "metric b needs no-such-b, which is not installed",
        "pip install no-such-b",
    )
    assert _status(second) == WARNING
