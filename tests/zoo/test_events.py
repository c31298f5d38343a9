"""Events: plain data, fit for JSON."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path

import pytest

from zoo import (
    events,
)

EVENTS = typing.get_args(events.Event)


def test_every_event_is_documented_for_listeners() -> None:
    classes = {each for each in vars(events).values() if isinstance(each, type) and each.__module__ == "zoo.events"}
    assert classes == set(EVENTS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_an_event_is_frozen_plain_data_fit_for_json(event: type) -> None:
    values = {
        field.name: {"trials": (("id", "title"),), "counts": {"done": 1}, "record": {}, "store": Path("runs")}.get(
            field.name, 1
        )
        for field in dataclasses.fields(event)
    }
    made = event(**values)
    assert json.loads(json.dumps(dataclasses.asdict(made), default=str))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(event)[0].name, None)
