"""What a node does with a task. Of Ray only what tells which node it is is used here, and that is imitated."""

from __future__ import annotations

import json
import sys
from concurrent.futures import Future
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import zoo
from plugins.executors._ray_node import read_tail, run_task

FUNCTIONS = ModuleType("tests_functions")


def echo(payload: Any, files: Any, control: Any) -> Any:
    yield {**payload, "node": control.node, "stop": control.stop_requested()}, b""
    yield {"files": sorted(files)}, files["x"]


def fail(payload: Any, files: Any, control: Any) -> Any:
    yield {}, b""
    raise ValueError("no\nnumber")


def leave(payload: Any, files: Any, control: Any) -> Any:
    sys.exit(0)
    yield {}, b""


def not_json(payload: Any, files: Any, control: Any) -> Any:
    yield {"object": object()}, b""


def view(payload: Any, files: Any, control: Any) -> Any:
    yield {}, memoryview(b"abc")


@pytest.fixture(autouse=True)
def _imitated(monkeypatch: pytest.MonkeyPatch) -> None:
    for function in (echo, fail, leave, not_json, view):
        monkeypatch.setattr(FUNCTIONS, function.__name__, function, raising=False)
    monkeypatch.setitem(sys.modules, "tests_functions", FUNCTIONS)
    ray = ModuleType("ray")
    ray.get_runtime_context = lambda: SimpleNamespace(get_node_id=lambda: "id-1")  # type: ignore[attr-defined]
    ray.util = SimpleNamespace(get_node_ip_address=lambda: "10.0.0.1")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", ray)


def sent(function: str, *, stopped: bool = False, **changed: Any) -> list[bytes]:
    """Return what goes back to the bench."""
    asked: Future[bytes] = Future()
    if stopped:
        asked.set_result(b"")
    stops = SimpleNamespace(wait=SimpleNamespace(remote=lambda number: SimpleNamespace(future=lambda: asked)))
    spec = {"function": f"tests_functions:{function}", "payload": {"a": 1}, "files": ["x"], "number": 1}
    spec |= {"node": "id-1", "name": "n1", "version": zoo.__version__, **changed}
    out = list(run_task(json.dumps(spec).encode(), stops, b"content"))
    assert all(type(each) is bytes for each in out)
    return out


def run(function: str, **how: Any) -> list[tuple[Any, bytes]]:
    """Return that with its JSON read, and the contents that follow it."""
    parts = [each.partition(b"\n") for each in sent(function, **how)]
    return [(json.loads(head), content) for head, _, content in parts]


def test_messages_come_between_the_start_and_the_end_each_followed_by_its_content() -> None:
    (started, _), (first, nothing), (second, content), (ended, _) = run("echo")
    assert (started["is"], started["node"], started["name"]) == ("started", "id-1", "n1")
    assert json.loads(first["message"]) == {"a": 1, "node": "n1", "stop": False}
    assert nothing == b""
    assert json.loads(second["message"]) == {"files": ["x"]}
    assert content == b"content"
    assert ended == {"is": "ended", "problem": "", "lost": False}


def test_a_task_receives_a_stop_request() -> None:
    assert json.loads(run("echo", stopped=True)[1][0]["message"])["stop"]


def test_a_task_that_ray_has_put_elsewhere_knows_where_it_is() -> None:
    (started, _), *_ = run("echo", node="id-2")
    assert started["name"] == "10.0.0.1-id-1"


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        ("fail", "tests_functions:fail raised ValueError: no number on node n1"),
        ("leave", "tests_functions:leave raised SystemExit: 0 on node n1"),
        ("not_json", "tests_functions:not_json raised TypeError"),
        ("missing", "tests_functions:missing raised AttributeError"),
    ],
)
def test_an_error_in_a_function_becomes_a_sentence_and_its_traceback_is_printed(
    function: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, (ended, _) = run(function)
    assert ended["problem"].startswith(problem)
    assert not ended["lost"]
    assert "Traceback" in capsys.readouterr().err


def test_another_version_of_zoo_runs_nothing_and_leaves_it_to_other_nodes() -> None:
    (started, _), (ended, _) = run("echo", version="99")
    assert started["is"] == "started"
    assert ended["lost"]
    assert ended["problem"] == (
        f"node n1 has zoobench {zoo.__version__}, but this machine has 99: install the same version on both"
    )


def test_a_content_that_is_no_bytes_object_is_sent_as_one() -> None:
    assert run("view")[1][1] == b"abc"


def test_a_large_content_comes_by_itself_after_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.executors._ray_node.MOST_TOGETHER", 2)
    _, head, content, _ = sent("view")
    assert json.loads(head)["apart"]
    assert content == b"abc"


def test_the_end_of_a_log_is_read(tmp_path: Any) -> None:
    (tmp_path / "log").write_bytes(b"x" * 10_000 + b"end")
    assert read_tail(str(tmp_path / "log"), 5) == b"xxend"
    assert read_tail(str(tmp_path / "none")) == b""
