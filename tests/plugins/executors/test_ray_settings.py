"""What can be asked of the executor ``ray``, and what is told without Ray."""

from __future__ import annotations

import importlib.util
import socket
from typing import Any

import pytest

from plugins.executors.ray_cluster import check_settings, environment, open_cluster, zoo_executors
from zoo.errors import PluginError, UsageError

(EXECUTOR,) = zoo_executors()


def options(**given: Any) -> dict[str, Any]:
    return {**EXECUTOR.options, **given}


@pytest.mark.parametrize("address", ["", "auto", "head:6379", "10.0.0.1:6379", "[::1]:6379"])
def test_addresses_are_taken(address: str) -> None:
    assert check_settings(options(address=f" {address} "))["address"] == address


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:port", "head:99999", "ray://head:10001"])
def test_other_addresses_are_refused_in_one_sentence(address: str) -> None:
    with pytest.raises(UsageError, match=r"^option 'address' of executor 'ray'.*HOST:PORT[^\n]*$"):
        check_settings(options(address=address))


@pytest.mark.parametrize(
    "given",
    [{"cpus": 0}, {"cpus": "many"}, {"gpus": -1}, {"cpus": True}, {"start_timeout": 0.0}, {"node_timeout": -1.0}],
)
def test_numbers_that_cannot_be_meant_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(given))):
        check_settings(options(**given))


def test_what_a_cluster_has_is_not_set_from_outside() -> None:
    with pytest.raises(UsageError, match=r"'cpus'.*only for a cluster of its own"):
        check_settings(options(address="head:6379", cpus=2))


def test_a_missing_library_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PluginError, match=r"pip install 'zoobench\[ray\]'"), open_cluster(options()):
        pass


def test_an_address_where_nobody_listens_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with (
            pytest.raises(PluginError, match=f"no Ray cluster answers at {address}"),
            open_cluster(options(address=address)),
        ):
            pass


def test_usage_statistics_are_off_unless_asked_for() -> None:
    assert environment("", {})["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment("h:1", {})["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment("h:1", {"RAY_USAGE_STATS_ENABLED": "1"})["RAY_USAGE_STATS_ENABLED"] == "1"


def test_a_cluster_of_its_own_has_a_token_of_its_own() -> None:
    given = {"RAY_AUTH_TOKEN": "mine", "RAY_AUTH_TOKEN_PATH": "/x", "RAY_ADDRESS": "h:1", "RAY_AUTH_MODE": "disabled"}
    first, second = environment("", given), environment("", given)
    assert first["RAY_AUTH_MODE"] == "token"
    assert len({first["RAY_AUTH_TOKEN"], second["RAY_AUTH_TOKEN"], "mine"}) == 3
    assert "RAY_ADDRESS" not in first
    assert "RAY_AUTH_TOKEN_PATH" not in first


def test_a_token_that_is_given_is_used() -> None:
    assert environment("h:1", {"RAY_AUTH_TOKEN": "mine"})["RAY_AUTH_MODE"] == "token"
    assert environment("h:1", {"RAY_AUTH_TOKEN": "mine", "RAY_AUTH_MODE": "disabled"})["RAY_AUTH_MODE"] == "disabled"
    assert "RAY_AUTH_MODE" not in environment("h:1", {})
