"""Options of places: numbers of trials and devices, and executors with their options."""

from __future__ import annotations

from typing import Any

import pytest

from zoo.cli.options.placing import remote_of, slots_of
from zoo.errors import ManyErrors, UsageError
from zoo.loading import Sources, build_catalog

NOTHING: dict[str, Any] = {
    "jobs": None,
    "jobs_per_device": None,
    "devices": None,
    "executor": None,
    "executor_options": (),
    "address": None,
    "data_root": None,
}


@pytest.fixture(scope="module")
def catalog() -> Any:
    return build_catalog(Sources(entry_points=False), hooks=("zoo_executors",))


@pytest.mark.parametrize(("text", "devices"), [("all", ()), ("0, 2", (0, 2)), (None, None)])
def test_devices(text: str | None, devices: tuple[int, ...] | None) -> None:
    assert slots_of({**NOTHING, "devices": text}).devices == devices


def test_all_that_is_wrong_is_reported_together() -> None:
    with pytest.raises(ManyErrors) as caught:
        slots_of({**NOTHING, "jobs": "0", "jobs_per_device": "x", "devices": "1,1"})
    assert [str(each) for each in caught.value.errors] == [
        "--jobs 0: expected auto or a whole number from 1 to 1024",
        "--jobs-per-device x: expected a whole number from 1 to 1024",
        "--devices 1,1: a device is given twice",
    ]


def test_trials_run_here_unless_an_executor_is_named(catalog: Any) -> None:
    assert remote_of(NOTHING, catalog) is None
    with pytest.raises(UsageError, match="address: an option of an executor needs --executor"):
        remote_of({**NOTHING, "address": "auto"}, catalog)
    with pytest.raises(UsageError, match="--executor-option x: expected NAME=VALUE"):
        remote_of({**NOTHING, "executor_options": ("x",)}, catalog)


def test_the_address_is_an_option_of_the_executor(catalog: Any) -> None:
    remote = remote_of({**NOTHING, "executor": "ray", "address": "auto"}, catalog)
    assert remote is not None
    assert (remote.executor.name, remote.options["address"]) == ("ray", "auto")
