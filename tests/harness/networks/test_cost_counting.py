"""Sizes of many networks: counted without weights, and unknown where a network cannot be built."""

from __future__ import annotations

from harness.networks.cost_counting import count_each

SOURCES = {"files": (), "builtin": True, "entry_points": False}


def network(name: str, size: int = 8) -> dict[str, object]:
    return {"architecture": name, "options": {}, "num_classes": 10, "in_channels": 1, "image_size": size}


def test_each_network_is_counted():
    assert count_each(SOURCES, [network("zoo/linear"), network("zoo/linear", size=4)]) == [640, 160]


def test_a_network_that_cannot_be_built_is_unknown(capsys):
    broken = {**network("zoo/lenet5", size=8), "options": {"drop_rate": "much"}}
    assert count_each(SOURCES, [broken, network("zoo/linear")]) == [None, 640]
    assert "lenet5 cannot be sized up" in capsys.readouterr().out


def test_once_the_time_is_up_the_first_networks_are_counted_at_least_one():
    asked = [network("zoo/linear"), network("zoo/linear", size=4)]
    assert count_each(SOURCES, asked, seconds=0) == [640]
    assert count_each(SOURCES, asked, seconds=60) == [640, 160]
