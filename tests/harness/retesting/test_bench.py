"""The bench of further sets: each is opened once for a trial."""

from __future__ import annotations

import time

import pytest

from harness.bench.settings import RunLimits
from harness.records.predictions import further_file
from harness.records.store import Store, read_record, write_record
from harness.retesting.bench import DescribedSets, Retester, due_sets
from zoo.loading import Sources


@pytest.fixture
def retester(folder, settings):
    return Retester(Store(folder.parent), Sources(entry_points=False), settings, preload=("torch",))


def test_a_set_is_opened_once_and_a_finished_trial_is_not_trained_again(
    folder, retester, request_sets, other_site
) -> None:
    before = read_record(folder / "record.json")
    described = retester.describe(
        request_sets("corrupt:contrast@2", f"site=folder:{other_site}"), [before.spec.dataset]
    )
    said: list[str] = []

    def test():
        return retester.test([read_record(folder / "record.json")], described, tell=said.append, limits=RunLimits())

    first = test()
    assert (first.done, first.reused, first.failures, first.notes) == (2, 0, (), ())
    assert said == [f"1 of 1: {before.spec.title} on 2 test sets"]
    record = read_record(folder / "record.json")
    assert set(record.test_sets) == {"contrast-2", "site"}
    assert record.training == before.training
    assert (test().reused, test().done) == (2, 0)
    (folder / further_file("contrast-2")).unlink()
    again = test()
    assert (again.done, again.reused) == (1, 1)
    assert read_record(folder / "record.json").test_sets["contrast-2"].openings == 2


def test_a_set_is_due_again_if_it_or_the_weights_have_changed(folder, request_sets) -> None:
    record = read_record(folder / "record.json")
    sets = request_sets("corrupt:fog@1", "site=folder:x")

    def keys(record, fingerprint="a"):
        described = DescribedSets(sets=sets, fingerprints={"site": fingerprint})
        due, present, _ = due_sets(record, described, folder)
        assert present == 0
        return [each.key for each in due]

    fog, site = keys(record)
    assert keys(record) == [fog, site]
    assert keys(record, "b")[0] == fog
    assert keys(record, "b")[1] != site
    other = record.model_copy(update={"files": {**record.files, "checkpoint.safetensors": "0" * 64}})
    assert not {fog, site} & set(keys(other))


def test_slices_of_the_dataset_are_sets_of_their_own(folder, request_sets) -> None:
    record = read_record(folder / "record.json")
    described = DescribedSets(
        sets=request_sets("slices"), slices={record.spec.dataset.display_name: {"at night": "1", "day": "2"}}
    )
    due, _, _ = due_sets(record, described, folder)
    assert [(each.name, each.slice_name) for each in due] == [
        ("slice-1-at-night", "at night"),
        ("slice-2-day", "day"),
    ]


def test_grey_images_have_no_saturation(folder, request_sets) -> None:
    record = read_record(folder / "record.json")
    assert record.data is not None
    grey = record.model_copy(update={"data": record.data.model_copy(update={"channels": 1})})
    due, _, notes = due_sets(grey, DescribedSets(sets=request_sets("corrupt:saturate@1", "corrupt:fog@1")), folder)
    assert [each.name for each in due] == ["fog-1"]
    assert notes == ["saturate is undefined for grey images, so it is left out for them"]


def test_no_trial_starts_after_the_deadline_and_a_broken_one_is_a_sentence(folder, retester, request_sets) -> None:
    described = DescribedSets(sets=request_sets("corrupt:fog@1"))
    record = read_record(folder / "record.json")
    late = retester.test([record], described, tell=lambda said: None, limits=RunLimits(deadline=time.monotonic() - 1))
    assert (late.done, late.not_started) == (0, 1)
    (folder / "checkpoint.safetensors").write_bytes(b"not weights")
    broken = retester.test([record], described, tell=lambda said: None, limits=RunLimits())
    assert broken.done == 0
    assert "could not be tested again: " in broken.failures[0]
    assert "is damaged" in broken.failures[0]


def test_networks_that_are_not_here_are_left_out_with_a_note(folder, retester, request_sets) -> None:
    record = read_record(folder / "record.json")
    files = {name: digest for name, digest in record.files.items() if not name.startswith("checkpoint")}
    write_record(folder, record.model_copy(update={"files": files}))
    summary = retester.test(
        [read_record(folder / "record.json")],
        DescribedSets(sets=request_sets("corrupt:fog@1")),
        tell=lambda said: None,
        limits=RunLimits(),
    )
    assert (summary.done, summary.failures) == (0, ())
    assert summary.notes == ("1 trial without weights in the store: not tested on further sets",)
