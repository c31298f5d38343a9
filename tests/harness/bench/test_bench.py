"""A bench from plan to records: what runs, what is reused, and what goes on after a stop."""

from __future__ import annotations

import signal
import subprocess
import time
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.bench import bench as module
from harness.bench.bench import BenchSummary, run_bench
from harness.bench.settings import BenchSettings
from harness.data.settings import DataSettings
from harness.records.history import read_history
from harness.records.predictions import load_predictions
from harness.records.record import Outcome, Record
from harness.records.store import end_of, write_record
from reports.trials.grouping import by_table, group_trials
from zoo.events import BenchEnded, BenchStarted, EpochEnded, TrialEnded, TrialStarted

from .toy_bench import PLUGIN, Bench


def test_a_trial_leaves_a_record_predictions_and_a_history(bench: Any) -> None:
    record = bench.run_one("linear", measure_seconds=0.02)
    assert record.outcome is Outcome.DONE, record.reason
    assert record.model is not None
    assert record.model.params == 8 * 8 * 2 + 2
    assert record.model.macs == 8 * 8 * 2
    assert record.data is not None
    assert (record.data.num_train, record.data.num_val, record.data.num_test) == (72, 8, 40)
    assert record.training is not None
    assert record.training.epochs_run == 2
    assert record.speed is not None
    assert record.speed.inference is not None
    assert record.speed.inference.median > 0
    assert record.environment["torch"]
    folder = bench.store.folder(record.trial_id)
    saved = load_predictions(folder)
    assert saved.predictions.logits.shape == (40, 2)
    assert set(record.files) >= {"history.jsonl", "predictions.safetensors"}
    kinds = [type(event) for event in bench.events if isinstance(event, BenchStarted | TrialStarted | EpochEnded)]
    assert kinds == [BenchStarted, TrialStarted, EpochEnded, EpochEnded]
    assert isinstance(bench.events[-1], BenchEnded)


def test_a_trial_that_used_smaller_micro_batches_is_done_with_a_warning(bench: Any) -> None:
    record = bench.run_one("greedy", measure_seconds=0.02)
    assert record.outcome is Outcome.DONE, record.reason
    assert record.training is not None
    assert record.training.micro_batch_size == 4
    assert record.warnings == (
        "out of memory with 16 images at a time: training used at most 4 at a time and accumulated the gradients of "
        "each batch",
    )
    assert record.speed is not None
    assert record.speed.train is not None
    assert record.speed.inference is not None
    assert (record.speed.train.batch_size, record.speed.inference.batch_size) == (4, 5)


def test_the_same_command_again_reuses_what_is_done(bench: Any) -> None:
    first, again = bench.run("linear"), bench.run("linear")
    assert again.records == first.records
    assert set(first.timings.stages) == set(again.timings.stages) == {"probe", "prepare", "trials"}
    assert sum(first.timings.stages.values()) <= first.timings.seconds
    assert {"start", "build", "train", "test", "other"} <= set(first.timings.phases)
    assert sum(first.timings.phases.values()) <= first.timings.stages["trials"]
    assert again.timings.phases == {}
    ended = [event for event in bench.events if isinstance(event, TrialEnded)]
    assert [event.reused for event in ended] == [True]


def test_failed_trials_run_again_only_when_asked(bench: Any) -> None:
    first = bench.run_one("raises")
    assert bench.run_one("raises") == first
    bench.run_one("raises", retry=True)
    assert [event.reused for event in bench.events if isinstance(event, TrialEnded)] == [False]


def test_editing_a_plugin_runs_its_trials_again(bench: Any) -> None:
    """pytorch/ao#3073: the code changed and the cache did not."""
    first = bench.run_one("linear")
    # Copies, as a process imports a plugin once.
    for name, plugin, is_reused in (("copied", PLUGIN, True), ("edited", f"{PLUGIN}\nEDITED = True\n", False)):
        (bench.folder / name).mkdir()
        other = Bench(bench.folder / name, plugin)
        other.store = bench.store
        assert (other.run_one("linear").result_key == first.result_key) is is_reused
        assert [event.reused for event in other.events if isinstance(event, TrialEnded)] == [is_reused]
    assert len(list(bench.store.records())) == 2


def test_the_same_seed_twice_gives_the_same_bits_and_another_seed_does_not(bench: Any) -> None:
    first = bench.run("linear", seeds=2).records
    elsewhere = bench.beside("b")
    second = elsewhere.run("linear", seeds=2).records

    def logits(owner: Any, record: Record) -> bytes:
        return load_predictions(owner.store.folder(record.trial_id)).predictions.logits.tobytes()

    assert logits(bench, first[0]) == logits(elsewhere, second[0])
    assert logits(bench, first[0]) != logits(bench, first[1])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A bench that has run one trial without a stop."""
    bench = Bench(tmp_path_factory.mktemp("whole"))
    bench.run_one("slow", recipes=["steady"])
    return bench


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_stopped_trial_goes_on_and_ends_with_the_same_bits(
    bench: Any, whole: Bench, wait_until: Any, number: signal.Signals
) -> None:
    """ctlearn#179, sparseml#159: a resume reset the best metric, or was off by one epoch."""
    ((_, expected),) = whole.store.records()
    process = bench.start('bench.run_one("slow", recipes=["steady"])')
    wait_until(lambda: any(bench.store.root.glob("*/state-*.safetensors")))
    process.send_signal(number)
    process.wait()
    record = bench.run_one("slow", recipes=["steady"])
    assert record.outcome is Outcome.DONE, record.reason
    assert record.attempts == 2
    folder, whole_folder = bench.store.folder(record.trial_id), whole.store.folder(expected.trial_id)
    got, wanted = load_predictions(folder), load_predictions(whole_folder)
    assert got.predictions.logits.tobytes() == wanted.predictions.logits.tobytes()
    assert record.training is not None
    assert expected.training is not None
    assert record.training.best_val_accuracy == expected.training.best_val_accuracy
    assert record.training.tested_epoch == expected.training.tested_epoch
    epochs = [row["epoch"] for row in read_history(folder / "history.jsonl") if row["event"] == "epoch"]
    assert epochs == list(range(1, 31))
    assert (folder / "checkpoint.safetensors").read_bytes() == (whole_folder / "checkpoint.safetensors").read_bytes()
    assert not list(folder.glob("state-*"))


@pytest.mark.parametrize("signals", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_c_stops_the_bench_and_leaves_no_process(
    bench: Any, wait_until: Any, alive: Any, descendants: Any, signals: int
) -> None:
    code = """summary = bench.run("linear", "raises", recipes=["long"])
print(summary.interrupted, [record.outcome.value for record in summary.records])"""
    process = bench.start(code, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: any(bench.store.root.glob("*/history.jsonl")))
    children = descendants(process.pid)
    assert children
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    output, _ = process.communicate(timeout=30)
    assert output.strip() == "True ['interrupted']"
    wait_until(lambda: not any(alive(pid) for pid in children), 10)
    again = bench.run_one("linear")
    assert again.outcome is Outcome.DONE


CLAIMANT = """
from zoo import Architecture, Dataset, Recipe, hookimpl
import zoo

@hookimpl
def zoo_architectures():
    yield Architecture(name="linear", build=lambda request: None)

@hookimpl
def zoo_datasets():
    yield Dataset(name="shades", load=lambda request: None)

@hookimpl
def zoo_recipes():
    yield Recipe(name="quick", hyperparameters=lambda: zoo.Hyperparameters())
"""


def test_a_trial_is_reused_and_has_one_row_after_another_plugin_has_claimed_its_short_names(bench: Any) -> None:
    """Issue 15, item 10: the same network was trained again under its full name, and ranked twice."""
    (first,) = bench.run("linear").records
    bench.others.append(bench.folder / "claimant.py")
    bench.others[0].write_text(CLAIMANT)
    full_names = {"data": "toys/shades", "recipes": ["toys/quick"]}
    (again,) = bench.run("toys/linear", **full_names).records
    assert again == first
    ended = [event for event in bench.events if isinstance(event, TrialEnded)]
    assert [event.reused for event in ended] == [True]
    more = bench.run("toys/linear", seeds=2, **full_names).records
    (group,) = group_trials([(bench.store.folder(record.trial_id), record) for record in more])
    assert sorted(group.done) == [0, 1]
    assert len(by_table([group])) == 1


def test_a_trial_is_reused_from_a_folder_of_an_earlier_name(bench: Any) -> None:
    (first,) = bench.run("linear").records
    earlier = f"linear--shades--quick--{end_of(first.trial_id)}"
    assert earlier != first.trial_id
    folder = bench.store.folder(first.trial_id).rename(bench.store.folder(earlier))
    write_record(folder, first.model_copy(update={"trial_id": earlier}))
    (again,) = bench.run("linear").records
    assert (again.trial_id, again.started_at) == (earlier, first.started_at)
    assert [path.name for path in bench.store.root.iterdir() if path.is_dir()] == [earlier]


def test_a_helper_beside_the_plugin_and_a_declared_file_run_a_trial_again_and_a_comment_does_not(bench: Any) -> None:
    """Issue 15, item 9: stale results of an edited helper and an edited data file were reused."""
    helper, settings = bench.folder / "toys_helper.py", bench.folder / "toys.yaml"
    helper.write_text("WIDTH = 1\n")
    settings.write_text("a: 1\n")
    code = (
        bench.plugin.read_text()
        .replace(
            "def linear(request):\n",
            "def linear(request):\n    sys.path.insert(0, str(HERE))\n    import toys_helper as h\n    h.WIDTH\n",
        )
        .replace("build=build)", "build=build, files=('toys.yaml',))")
    )
    bench.plugin.write_text(code)

    def is_reused() -> bool:
        bench.run("linear", epochs=1)
        (ended,) = [event for event in bench.events if isinstance(event, TrialEnded)]
        assert ended.outcome == "done", ended.reason
        return ended.reused

    assert not is_reused()
    helper.write_text('"""Widths."""\n\nWIDTH = 1  # in channels\n')
    bench.plugin.write_text(f"# The toys.\n{code}")
    assert is_reused()
    helper.write_text("WIDTH = 2\n")
    assert not is_reused()
    settings.write_text("a: 2\n")
    assert not is_reused()
    assert is_reused()


def test_trials_that_follow_from_a_record_run_with_the_next_numbers(bench: Any) -> None:
    plan = bench.plan("linear", seeds=4)
    seen: list[tuple[int, int]] = []

    class FromEachTheNext:
        total = 4

        def begin(self, slots: int) -> list[Any]:
            return []

        def __call__(self, number: int, record: Record) -> list[Any]:
            seen.append((number, record.spec.seed))
            return list(plan.trials[number : number + 1])

    def run() -> BenchSummary:
        bench.events.clear()
        return run_bench(
            replace(plan, trials=plan.trials[:1]),
            store=bench.store,
            sources=bench.sources,
            emit=bench.events.append,
            settings=BenchSettings(
                data=DataSettings(data_root=bench.folder / "data", cache=bench.folder / "cache"),
            ),
            follow=FromEachTheNext(),
        )

    assert [record.spec.seed for record in run().records] == [0, 1, 2, 3]
    assert seen == [(1, 0), (2, 1), (3, 2), (4, 3)]
    started = [event for event in bench.events if isinstance(event, TrialStarted)]
    assert [(event.number, event.total) for event in started] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    seen.clear()
    assert run().counts == {"done": 4}
    assert [event.reused for event in bench.events if isinstance(event, TrialEnded)] == [True] * 4
    assert seen == [(1, 0), (2, 1), (3, 2), (4, 3)]


def test_the_last_seed_begins_with_what_took_longest(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No long trial is then left for the end, when other slots have none."""
    known = iter([{}, {"linear": 1.0, "greedy": 2.0}])

    def forecast(root: Path) -> Any:
        seconds = next(known)
        return types.SimpleNamespace(seconds=lambda spec: seconds.get(spec.architecture.display_name))

    monkeypatch.setattr(module, "forecast_of_store", forecast)
    bench.run("linear", "greedy", seeds=2, jobs=2, epochs=1)
    started = [event.title.split(" ")[0] for event in bench.events if isinstance(event, TrialStarted)]
    assert started == ["linear", "greedy", "greedy", "linear"]
