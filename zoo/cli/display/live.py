"""The progress of a bench as a live display: all trials, the current one, and the provisional ranking.

Numbers stay in place: columns are as wide as the plan needs from the start.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from zoo.api.display.progress import BenchState, ExpectedTimes, RunningTrial, Standing
from zoo.cli.display.text import fit, width_of
from zoo.events import BenchStarted, Event, TrialStarted
from zoo.text import clean

REFRESH_PER_SECOND = 4
_PHASES = {
    "start": "starting",
    "build": "building",
    "wait": "waiting",
    "train": "training",
    "test": "testing",
    "measure": "measuring",
}
_PHASE_WIDTH = max(len(word) for word in _PHASES.values())
_EPOCHS_WIDTH = len("epoch 100/100 ")
_RANK_WIDTH = 4
_NUMBER_WIDTHS = {"accuracy": 8, "seeds": 7, "images/s": 9}
_SHORTEST_BAR = 8
_TIME_WIDTH = len("  ~10:00:00 left ")
MAX_RUNNING = 8
"""Maximum number of running trials shown; half as many where each takes two lines."""
_FIXED_LINES = 10  # all but the rows of the ranking


class Display:
    """Shows a bench on a console until it is closed, and then disappears to make room for the results."""

    def __init__(
        self,
        console: Console,
        *,
        clock: Callable[[], float] = time.monotonic,
        live: bool = True,
        expected: ExpectedTimes | None = None,
    ) -> None:
        self._console = console
        self._state = BenchState(clock, expected=expected)
        self._seen: dict[str, int] = {"model": 0, "data": 0, "recipe": 0}
        self._longest = self._longest_without_recipe = 0  # cells of the titles of the plan
        self._names: dict[str, set[str]] = {"model": set(), "data": set(), "recipe": set()}
        # Events come from one thread, and the picture is drawn from another.
        self._lock = threading.RLock()
        self._live = Live(
            console=console,
            get_renderable=self.render,
            refresh_per_second=REFRESH_PER_SECOND,
            transient=True,
            vertical_overflow="crop",
        )
        if live:
            self._live.start()

    def __call__(self, event: Event) -> None:
        """Handle an event; the next refresh shows it."""
        with self._lock:
            self._state.handle(event)
            if isinstance(event, BenchStarted):
                for _, title in event.trials:
                    self._remember(title)
            elif isinstance(event, TrialStarted):  # a search proposes further ones
                self._remember(event.title)

    def note(self, sentence: str) -> None:
        """Write a sentence above the display, where it stays."""
        self._console.print(Text(f"zoo: {clean(sentence)}", style="yellow"))

    def close(self) -> None:
        """Remove the display."""
        self._live.stop()

    def render(self) -> RenderableType:
        """Return the display of this moment."""
        with self._lock:
            width = self._console.width
            parts: list[RenderableType] = [self._heading(width), _bar(self._state.share, width), Text()]
            parts += self._present(width)
            parts += self._leaderboard(width)
            return Group(*parts)

    def _heading(self, width: int) -> Text:
        state = self._state
        left = Text.assemble((" zoo bench", "bold"), f"  {shared}" if (shared := self._shared(width)) else "")
        left.append_text(self._counts())
        time_left = state.time_left() if state.total else None
        elapsed = Text(_clock_time(state.elapsed), style="dim")
        if time_left is None:
            return _ends(left, width, elapsed)
        seconds = _clock_time(max(1.0, time_left.seconds))  # it goes on, so "0:00:00 left" is wrong
        rest = Text(f"{time_left.words} {seconds} left")
        short = Text(f"{'≥' if time_left.is_bound else '~'}{seconds} left")
        return _ends(left, width, Text.assemble(elapsed, "  ", rest), rest, short)

    def _counts(self) -> Text:
        state = self._state
        counts = Text()
        if state.total:
            counts.append(f"  {len(state.ended):>{len(str(state.total))}}/{state.total} trials")
        for outcome, style in (("failed", "red"), ("interrupted", "yellow")):
            if count := state.num_outcome(outcome):
                counts.append(f"  {count} {outcome}", style=style)
        return counts

    def _shared(self, width: int) -> str:
        """Return the dataset and recipe of all trials for the heading; "" if they differ or there is no room."""
        if len(self._state.titles) < 2 or not all(len(self._names[key]) == 1 for key in ("data", "recipe")):
            return ""
        shared = " · ".join((*self._names["data"], *self._names["recipe"]))
        room = width - len(" zoo bench  ") - self._counts().cell_len - _TIME_WIDTH
        return shared if width_of(shared) <= room else ""

    def _present(self, width: int) -> Iterable[RenderableType]:
        state, shared = self._state, self._shared(width)
        if state.message is not None or state.current is None:
            message = state.message.message if state.message else ("finishing" if state.over else "preparing")
            share = state.message.share if state.message else None
            yield Text(fit(f" {clean(message)}", width - 1))
            yield _bar(share, width) if share is not None else Text()
            yield Text()
        elif len(state.running) == 1:
            yield from _trial(_label(state.current, shared), state.current, width)
        else:
            shown = list(state.running.values())[: self._most_running(width)]
            longest = self._longest - (width_of(shared) + len(" · ") if shared else 0)
            for trial in shown:
                label = _label(trial, shared)
                if self._is_narrow(width):
                    yield from _two_lines(label, trial, width)
                else:
                    yield _one_line(label, trial, width, longest)
            if len(shown) < len(state.running):
                yield Text(f" … and {len(state.running) - len(shown)} more", style="dim")
        yield Text()

    def _is_narrow(self, width: int) -> bool:
        """Return whether one line has no room for what tells trials apart: their names without the recipe."""
        return self._longest_without_recipe > _room(width, _SHORTEST_BAR)

    def _most_running(self, width: int) -> int:
        return MAX_RUNNING // 2 if self._is_narrow(width) else MAX_RUNNING

    def _leaderboard(self, width: int) -> Iterable[RenderableType]:
        ranked = self._state.ranked()
        if not ranked:
            return
        running = min(len(self._state.running), self._most_running(width) + 1)
        lines = running * 2 if running > 1 and self._is_narrow(width) else running
        room = max(1, self._console.height - _FIXED_LINES - max(0, lines - 3))
        shown = ranked if len(ranked) <= room else ranked[: room - 1]
        table = Table.grid(padding=(0, 2))
        titles = self._titles(width)
        numbers = _NUMBER_WIDTHS if width >= 80 else dict(list(_NUMBER_WIDTHS.items())[:2])
        table.add_column(justify="right", width=_RANK_WIDTH)
        for cells in self._widths(titles, shown, width - sum(numbers.values()) - 2 * len(numbers)):
            table.add_column(no_wrap=True, overflow="ellipsis", width=cells)
        for cells in numbers.values():
            table.add_column(justify="right", no_wrap=True, width=cells)
        table.add_row("", *(Text(title, style="dim") for title in (*titles, *numbers)))
        rank, data = 0, ""
        for standing in shown:
            rank, data = (rank + 1 if standing.data == data else 1), standing.data
            texts = _row(rank, standing, titles, self._num_seeds(standing))
            table.add_row(*texts[: 1 + len(titles) + len(numbers)])
        yield Text(" provisional ranking", style="dim italic")
        yield table
        if len(shown) < len(ranked):
            yield Text(f"      … and {len(ranked) - len(shown)} more", style="dim")

    def _titles(self, width: int) -> list[str]:
        """Return the names that get a column: the model, and names that differ between rows if there is room."""
        titles = ["model"]
        if len(self._names["data"]) > 1:
            titles.append("data")
        if len(self._names["recipe"]) > 1:
            titles.append("recipe")
        return titles

    def _widths(self, titles: list[str], shown: list[Standing], width: int) -> list[int]:
        """Return the width of each column of names: that of the longest name of the plan, or less if room is short."""
        widths = [
            max(self._seen[title], len(title), *(width_of(getattr(each, title)) for each in shown)) for title in titles
        ]
        room = width - _RANK_WIDTH - 2 * len(titles) - 1
        while sum(widths) > room and max(widths) > 6:
            widths[widths.index(max(widths))] -= 1
        return widths

    def _num_seeds(self, standing: Standing) -> int:
        """Return the number of trials of a combination in the plan."""
        prefix = f"{standing.model} · {standing.data} · {standing.recipe} · seed "
        return sum(clean(title).startswith(prefix) for title in self._state.titles.values())

    def _remember(self, title: str) -> None:
        parts = clean(title).split(" · ")
        self._longest = max(self._longest, width_of(clean(title)))
        self._longest_without_recipe = max(self._longest_without_recipe, width_of(" · ".join([*parts[:2], *parts[3:]])))
        if len(parts) == 4:
            for key, name in zip(self._seen, parts, strict=False):
                self._seen[key] = max(self._seen[key], width_of(name))
                self._names[key].add(name)


def _label(trial: RunningTrial, shared: str) -> str:
    """Return the title of a trial without what the heading says of all."""
    title = clean(trial.title)
    return title.replace(f" · {shared} · ", " · ") if shared else title


def _room(width: int, bar_width: int) -> int:
    """Return how many cells the title has on the line of one of several trials."""
    return width - bar_width - _PHASE_WIDTH - _EPOCHS_WIDTH - len("   ") - len("  ")


def _one_line(label: str, trial: RunningTrial, width: int, longest: int) -> RenderableType:
    """Return the line of a trial if several run at a time; the bar is shorter where titles are long."""
    bar_width = max(_SHORTEST_BAR, min(width // 4, _room(width, longest)))
    room = _room(width, bar_width)
    title = fit(_short_title(label, room), room)
    line = Table.grid()
    line.add_column(no_wrap=True, width=width - bar_width)
    line.add_column()
    line.add_row(
        Text.assemble(" ", (f"{title}{' ' * max(0, room - width_of(title))}  ", "bold"), (_doing(trial), "cyan")),
        _bar(trial.share, bar_width),
    )
    return line


def _two_lines(label: str, trial: RunningTrial, width: int) -> Iterable[RenderableType]:
    """Yield the lines of a trial if several run at a time on a narrow terminal."""
    yield Text(fit(f" {_short_title(label, width - 1)}", width), style="bold")
    yield _bar_after(f"   {_doing(trial)}", trial.share, width)


def _bar_after(label: str, share: float, width: int) -> RenderableType:
    """Return a line of a label and, in the rest of it, a bar."""
    line = Table.grid()
    line.add_column(no_wrap=True, width=len(label))
    line.add_column()
    line.add_row(Text(label, style="cyan"), _bar(share, width - len(label)))
    return line


def _doing(trial: RunningTrial) -> str:
    epoch = trial.epoch
    epochs = f"epoch {epoch.epoch}/{epoch.epochs}" if epoch else ""
    return f"{_PHASES.get(trial.phase, clean(trial.phase)):<{_PHASE_WIDTH}}  {epochs:<{_EPOCHS_WIDTH}}"


def _trial(label: str, trial: RunningTrial, width: int) -> Iterable[RenderableType]:
    yield Text(fit(f" {_short_title(label, width - 2)}", width - 1), style="bold")
    phase = _PHASES.get(trial.phase, clean(trial.phase))
    epoch = trial.epoch
    epochs = f"epoch {epoch.epoch:>{len(str(epoch.epochs))}}/{epoch.epochs}" if epoch else ""
    yield _bar_after(f" {phase:<{_PHASE_WIDTH}}  {epochs:<{_EPOCHS_WIDTH}}", trial.share, width)
    if epoch is None:
        yield Text()
        return
    fields = [
        f"loss {_number(epoch.train_loss)}",
        f"val loss {_number(epoch.val_loss)}",
        f"val accuracy {epoch.val_accuracy:>7.2%}",
        f"best {trial.best_val_accuracy:>7.2%}",
        f"{epoch.images_per_second:>7,.0f} images/s",
    ]
    if width < 90:
        del fields[1]
    if width < 72:
        del fields[2]
    # A field is shown whole or not at all.
    while len(fields) > 1 and len("   ".join(fields)) > width - 2:
        fields.pop()
    yield Text(fit(" " + "   ".join(fields), width - 1))


def _short_title(title: str, room: int) -> str:
    """Return a title without the parts in its middle that there is no room for: recipe first, then dataset."""
    parts = title.split(" · ")
    while len(parts) > 2 and width_of(" · ".join(parts)) > room:
        del parts[-2]
    return " · ".join(parts)


def _row(rank: int, standing: Standing, titles: list[str], seeds: int) -> list[Text]:
    done = len(standing.accuracies)
    count = f"{done}/{max(seeds, done)}" if not standing.num_failed else f"{done}/{max(seeds, done)} !"
    score = Text("failed", style="red") if not done and standing.num_failed else Text(_percent(standing.accuracy))
    if rank == 1 and done:
        score.stylize("bold green")
    names = [Text(getattr(standing, title)) for title in titles]
    rate = "–" if math.isnan(standing.rate) else f"{standing.rate:,.0f}"
    return [Text(str(rank) if done else "–", style="dim"), *names, score, Text(count), Text(rate)]


def _ends(left: Text, width: int, *rights: Text) -> Text:
    """Return *left* with the first of *rights* that fits at the right end of the line."""
    for right in rights:
        gap = width - 1 - left.cell_len - right.cell_len
        if gap > 1:
            return Text.assemble(left, " " * gap, right)
    return left


def _bar(share: float, width: int) -> RenderableType:
    bar = ProgressBar(
        total=1.0,
        completed=share,
        width=max(4, width - 2),
        complete_style="green",
        finished_style="green",
        style="bright_black",
    )
    return Padding(bar, (0, 1))


def _number(value: float) -> str:
    return f"{value:>7.4f}" if not abs(value) >= 100 else f"{value:>7.1e}"


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.2%}"


def _clock_time(seconds: float) -> str:
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
