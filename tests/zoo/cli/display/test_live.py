from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from zoo.api.display.progress import ExpectedTimes
from zoo.cli.display.live import Display
from zoo.events import BenchStarted, EpochEnded, Event, Progress, TrialEnded, TrialStarted


def _pictures(events: list[Event], clock: Any, width: int, height: int = 40, **options: Any) -> Iterator[list[str]]:
    """Yield the picture after each event, as lines."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=height, **options)
    display = Display(console, clock=clock, live=False)
    for event in events:
        clock.now += 1.0
        display(event)
        with console.capture() as capture:
            console.print(display.render())
        yield capture.get().splitlines()


def _after(events: list[Event], clock: Any, width: int, **options: Any) -> list[str]:
    return list(_pictures(events, clock, width, **{"color_system": None, **options}))[-1]


def _until(events: list[Event], kind: type, count: int) -> list[Event]:
    seen = [index for index, event in enumerate(events) if isinstance(event, kind)]
    return events[: seen[count - 1] + 1]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(recorded_events: list[Event], clock: Any, width: int) -> None:
    for picture in _pictures(recorded_events, clock, width, color_system=None):
        assert max(len(line) for line in picture) <= width


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_picture_shows_overall_progress_the_trial_and_the_leaderboard(
    recorded_events: list[Event], clock: Any, width: int
) -> None:
    text = "\n".join(_after(_until(recorded_events, EpochEnded, 6), clock, width))
    assert "2/6 trials" in text
    assert "left" in text
    assert "resnet20_cifar · seed 0" in text
    assert "digits · sgd_step" in text
    assert "epoch 2/4" in text
    assert "val accuracy  75.00%" in text
    assert "2,000 images/s" in text
    assert text.index("simple_cnn  ") < text.index("lenet5  ")


def test_on_a_narrow_terminal_names_and_numbers_are_whole_or_absent(recorded_events: list[Event], clock: Any) -> None:
    for picture in _pictures(recorded_events, clock, 40, color_system=None):
        assert max(len(line) for line in picture) <= 40
        above = picture[: next((row for row, line in enumerate(picture) if "provisional" in line), len(picture))]
        assert not any("…" in line for line in above), above
    text = "\n".join(_after(_until(recorded_events, EpochEnded, 6), clock, 40))
    assert "resnet20_cifar · digits · seed 0" in text
    assert "val accuracy  75.00%" in text
    assert "images/s" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_trials_that_run_together_keep_what_tells_them_apart(clock: Any, width: int) -> None:
    """Of each, "r…" was left at 40 columns."""
    titles = [f"resnet20_cifar · {data} · sgd_step · seed 0" for data in ("digits", "fashion_mnist")]
    events: list[Event] = [BenchStarted(store=Path("runs"), trials=tuple(zip("ab", titles, strict=True)))]
    events += [
        TrialStarted(trial_id=key, title=title, number=1, total=2) for key, title in zip("ab", titles, strict=True)
    ]
    picture = _after(events, clock, width)
    assert max(len(line) for line in picture) <= width
    text = "\n".join(picture)
    assert "…" not in text
    for data in ("digits", "fashion_mnist"):
        assert re.search(rf"resnet20_cifar · {data} · (sgd_step · )?seed 0\b", text)
    assert text.count("starting") == 2


@pytest.mark.parametrize("num_running", [1, 2])
def test_what_all_trials_share_is_said_once(clock: Any, num_running: int) -> None:
    """Each line repeated "digits · sgd_step"."""
    titles = [
        (key, f"{model} · digits · sgd_step · seed 0") for key, model in zip("ab", ("lenet5", "vgg"), strict=True)
    ]
    events: list[Event] = [BenchStarted(store=Path("runs"), trials=tuple(titles))]
    events += [TrialStarted(trial_id=key, title=title, number=1, total=2) for key, title in titles[:num_running]]
    picture = _after(events, clock, 80)
    assert picture[0].startswith(" zoo bench  digits · sgd_step  0/2 trials ")
    text = "\n".join(picture)
    assert text.count("digits") == text.count("sgd_step") == 1
    shown = [model for model in ("lenet5", "vgg") if f" {model} · seed 0" in text]
    assert shown == ["lenet5", "vgg"][:num_running]
    proposed = TrialStarted(trial_id="c", title="vgg · digits · sgd_step, lr=0.1 · seed 0", number=3, total=3)
    text = "\n".join(_after([*events, proposed], clock, 80))
    assert "vgg · digits · sgd_step, lr=0.1 · seed 0" in text


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_plan_s_time_is_left_from_the_start_at_any_width(
    recorded_events: list[Event], clock: Any, width: int
) -> None:
    titles = {title.rpartition(" · seed ")[0] for title in dict(recorded_events[1].trials).values()}  # type: ignore[union-attr]
    expected = ExpectedTimes(seconds=dict.fromkeys(titles, 60.0))
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=40, color_system=None)
    display = Display(console, clock=clock, live=False, expected=expected)
    for event in recorded_events[:2]:
        display(event)
    with console.capture() as capture:
        console.print(display.render())
    assert re.search(r"(about |~)0:06:00 left", capture.get().splitlines()[0])


def test_nothing_moves_but_what_changes(recorded_events: list[Event], clock: Any) -> None:
    """The lines above the leaderboard keep their number, and fields and columns keep their places."""
    places: dict[str, set[tuple[int, int]]] = {"val accuracy": set(), "best": set(), "accuracy    seeds": set()}
    for picture in _pictures(recorded_events, clock, 120, color_system=None):
        for row, line in enumerate(picture):
            for text, seen in places.items():
                if text in line:
                    seen.add((row, line.index(text)))
    assert all(len(seen) == 1 for seen in places.values()), places


def test_a_long_leaderboard_is_cut_to_the_terminal_with_a_note(clock: Any) -> None:
    titles = tuple((f"t{index}", f"net{index} · digits · quick · seed 0") for index in range(50))
    events: list[Event] = [BenchStarted(store=_path(), trials=titles)]
    events += [
        TrialEnded(
            trial_id=key, title=title, number=1, total=50, outcome="done", reused=True, reason="", record={}
        )
        for key, title in titles
    ]  # fmt: skip
    picture = _after(events, clock, 80, height=24)
    assert len(picture) <= 24
    assert "… and 37 more" in picture[-1]
    assert "provisional ranking" in "\n".join(picture)


@pytest.mark.parametrize("width", [40, 60, 80])
def test_rows_that_only_their_recipe_sets_apart_show_it_at_any_width(clock: Any, width: int) -> None:
    titles = tuple((f"t{index}", f"net · digits · {recipe} · seed 0") for index, recipe in enumerate(("adam", "sgd")))
    events: list[Event] = [BenchStarted(store=_path(), trials=titles)]
    for (key, title), recipe in zip(titles, ("adam", "sgd"), strict=True):
        spec = {
            "architecture": {"display_name": "net"},
            "dataset": {"display_name": "digits"},
            "recipe": {"display_name": recipe},
        }
        events.append(
            TrialEnded(
                trial_id=key, title=title, number=1, total=2, outcome="done", reused=True, reason="",
                record={"spec": spec, "metrics": {"accuracy": {"value": 0.5, "version": 1}}},
            )
        )  # fmt: skip
    picture = "\n".join(_after(events, clock, width))
    for recipe in ("adam", "sgd"):
        assert re.search(rf"net +{recipe} ", picture), picture


def test_foreign_names_are_shown_as_they_are_and_cannot_hurt(clock: Any) -> None:
    """`[/red]` crashes rich, `[v1]` vanishes, raw escape codes pass (reliability: hostile plugins)."""
    title = "[bold] · folder:[/red][v1]\x1b[2J\nforged · quick · seed 0"
    record = {"spec": {"dataset": {"display_name": "[/red][v1]\x1b[2J"}, "architecture": {"display_name": "[bold]"}}}
    events: list[Event] = [
        Progress(message="[/nope] \x1b[31m"),
        BenchStarted(store=_path(), trials=(("t", title),)),
        TrialStarted(trial_id="t", title=title, number=1, total=2),
    ]
    text = "\n".join(_after(events, clock, 100))
    assert "folder:[/red][v1][2J forged" in text
    assert "\x1b" not in text
    events.append(
        TrialEnded(
            trial_id="t", title=title, number=1, total=2, outcome="done", reused=False, reason="", record=record
        )
    )  # fmt: skip
    assert "[bold]" in "\n".join(_after(events, clock, 100))


def test_a_failed_model_is_counted_and_named(recorded_events: list[Event], clock: Any) -> None:
    failed = [event for event in recorded_events if not isinstance(event, TrialEnded) or event.outcome == "failed"]
    text = "\n".join(_after(failed[:-1], clock, 80))
    assert "1 failed" in text
    assert "–  simple_cnn" in text


def test_without_colour_there_are_no_colour_codes(
    recorded_events: list[Event], clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    plain = "\n".join(_after(recorded_events, clock, 80, color_system="truecolor"))
    assert not any(f"\x1b[{code}m" in plain for code in ("31", "32", "36", "90", "1;32"))
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[1;32m" in "\n".join(_after(recorded_events, clock, 80, color_system="truecolor"))


def test_the_live_picture_is_gone_when_it_is_closed(recorded_events: list[Event]) -> None:
    file = io.StringIO()
    display = Display(Console(file=file, force_terminal=True, width=80, height=30))
    for event in recorded_events:
        display(event)
    display.note("listener [x] failed\x1b[2J")
    display.close()
    assert "listener [x] failed[2J" in file.getvalue()
    assert file.getvalue().count("\x1b[?25l") == file.getvalue().count("\x1b[?25h")  # the cursor is back
    assert file.getvalue().rstrip("\r\n").endswith("\x1b[2K")


def test_at_40_columns_no_word_is_broken(recorded_events: list[Event], clock: Any) -> None:
    for picture in _pictures(recorded_events, clock, 40, color_system=None):
        for line in picture:
            assert len(line) <= 40
            # Names that do not fit end in an ellipsis; a wrapped word would start the line.
            assert not line.lstrip().startswith(("king", "nal", "sto_", "step ·")), line


def _path() -> Any:
    from pathlib import Path

    return Path("runs")
