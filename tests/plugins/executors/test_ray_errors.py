"""What Ray raises, in one sentence. Its errors are imitated: they are known by their names."""

from __future__ import annotations

import pytest

from plugins.executors._ray_errors import failed_connection, last_line, lost_task


def raised(name: str, text: str, base: type[Exception] = Exception) -> Exception:
    return type(name, (base,), {})(text)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("WorkerCrashedError", "its process on node n1 ended unexpectedly"),
        ("NodeDiedError", "node n1 is gone or out of reach"),
        ("OutOfMemoryError", "Ray ended its process on node n1, whose memory was nearly full"),
    ],
)
def test_a_lost_task_names_its_node_and_what_happened(name: str, sentence: str) -> None:
    assert lost_task(raised(name, "The worker died.\nmuch more"), "n1") == sentence


def test_a_kind_of_a_known_error_is_known() -> None:
    parent = type("ObjectLostError", (Exception,), {})
    assert "was lost before" in lost_task(raised("ObjectFreedError", "", parent), "n1")


def test_a_node_without_zoo_gives_an_error_with_the_install_command() -> None:
    text = "ray::run_task()\nTraceback …\nModuleNotFoundError: No module named 'plugins'"
    assert lost_task(raised("RayTaskError", text), "n1").startswith("node n1 does not have zoobench")


def test_an_unknown_error_is_reported_by_its_last_line() -> None:
    assert lost_task(raised("NewError", "first\n\x1b[31mlast\x1b[0m\n\n"), "n1") == (
        "Ray could not run it on node n1 (NewError: last)"
    )


def test_a_different_token_is_detected_at_any_depth() -> None:
    try:
        try:
            raise raised("RuntimeError", "Last connection error: ray.exceptions.AuthenticationError: InvalidAuthToken")
        except Exception as error:
            raise ConnectionError("Failed to connect to Ray cluster at h:1") from error
    except ConnectionError as error:
        sentence = failed_connection(error, "h:1")
    assert sentence.startswith("the Ray cluster at h:1 requires a different token")
    assert "RAY_AUTH_TOKEN" in sentence


def test_other_versions_are_named() -> None:
    text = (
        "Version mismatch: The cluster was started with:\n    Ray: 2.50.0\n    Python: 3.12.1\n"
        "This process on node 127.0.0.2 was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
    )
    assert failed_connection(RuntimeError(text), "h:1") == (
        "the Ray cluster at h:1 has Ray 2.50.0 and Python 3.12.1, but this machine has Ray 2.60.0 and Python 3.11.7: "
        "use the same on all machines"
    )


def test_a_machine_outside_the_cluster_gets_instructions_to_join() -> None:
    error = RuntimeError("No node info found matching attributes: '10.0.0.9' when trying to resolve")
    assert "ray start --address=h:1 --num-cpus=0" in failed_connection(error, "h:1")


def test_a_missing_local_cluster_is_reported() -> None:
    assert "ray start --head" in failed_connection(ConnectionError("Could not find any running Ray instance."), "auto")


def test_the_last_line_is_the_last_that_says_something() -> None:
    assert last_line("a\n b \n\n") == "b"
    assert last_line("") == ""
