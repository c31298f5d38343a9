"""Ordering: settings from text and from Python are read by the same code, and mistakes are the same sentences."""

from __future__ import annotations

from typing import Any

import pytest

from zoo.api.ordering import OrderForm, as_argument, as_option, remote_of, slots_of
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


@pytest.fixture
def with_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take Ray for installed, as the extra does."""
    monkeypatch.setattr("zoo.dependencies.missing_libraries", lambda libraries: [])


@pytest.mark.usefixtures("with_ray")
def test_the_address_is_an_option_of_the_executor(catalog: Any) -> None:
    remote = remote_of({**NOTHING, "executor": "ray", "address": "auto"}, catalog)
    assert remote is not None
    assert (remote.executor.name, remote.options["address"]) == ("ray", "auto")


def test_values_of_python_are_read_as_their_text_is() -> None:
    given = {**NOTHING, "devices": [0, 2], "jobs": 3, "jobs_per_device": 2}
    text = {**NOTHING, "devices": "0,2", "jobs": "3", "jobs_per_device": "2"}
    assert slots_of(given, as_argument) == slots_of(text)
    assert slots_of({**NOTHING, "devices": "all", "jobs": "auto"}, as_argument).devices == ()


def test_an_executor_whose_library_is_missing_is_refused(catalog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.dependencies.missing_libraries", list)
    with pytest.raises(
        UsageError, match=r"executor 'ray' needs ray, which is not installed: pip install 'zoobench\[ray"
    ):
        remote_of({**NOTHING, "executor": "ray"}, catalog)


@pytest.mark.usefixtures("with_ray")
def test_options_of_an_executor_may_be_a_mapping(catalog: Any) -> None:
    remote = remote_of({**NOTHING, "executor": "ray", "executor_options": {"address": "auto"}}, catalog)
    assert remote is not None
    assert remote.options["address"] == "auto"


@pytest.mark.parametrize(
    ("name", "value"), [("timeout", -1), ("cache_limit", "much"), ("jobs", 0), ("jobs_per_device", "x")]
)
def test_a_mistake_is_the_same_sentence_but_for_how_the_setting_is_given(name: str, value: object) -> None:
    told = []
    for spell in (as_option, as_argument):
        run = {**NOTHING, "out": "runs", "timeout": None, "cache_limit": None, "listen": (), "offline": False,
               "retry": False, name: value}  # fmt: skip
        form = OrderForm(raw={}, run=run, origin="it", spell=spell)
        with pytest.raises(UsageError) as caught:
            form.read(build_catalog(Sources(entry_points=False)), Sources(), errors=[])
        told.append(str(caught.value).removeprefix(spell(name)))
    assert told[0] == told[1] != ""
