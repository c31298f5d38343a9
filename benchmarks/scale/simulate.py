"""A simulation of a bench on a cluster, event by event: GPUs on nodes that fail, and one head that writes the store.

Assumptions: a free GPU takes the trial that was submitted first; results are sent to the head one after another over
its link; the head does one thing at a time, and submits trials before it writes results; nodes fail independently, with
exponentially distributed lifetimes; a lost trial continues from its last checkpoint on another node. It needs only
Python.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

HOUR = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One trial, as the cluster sees it."""

    seconds: float
    """On its GPU, from the first phase to the last."""
    checkpoint_seconds: float = math.inf
    """Between two training states that reach the head."""
    checkpoint_bytes: float = 0.0
    checkpoint_head_seconds: float = 0.0
    """What the head takes to write one."""
    result_bytes: float = 0.0
    """What its files take in the store."""
    head_seconds: float = 0.0
    """What the head's single writer takes for its files."""
    dispatch_seconds: float = 0.0
    """What the head takes to send it out."""
    dataset: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """What trials run on."""

    gpus: int = 100
    gpus_per_node: int = 8
    start_seconds: float = 0.0
    """For each trial on its node: a process, plugins."""
    data_seconds: float = 0.0
    """To fetch and decode a dataset on a node, once; trials that need it wait."""
    link_bytes_per_second: float = math.inf
    """Of the head's network, inwards."""
    ahead: int = 0
    """Trials sent out beyond what runs, so that a free GPU need not wait for the head."""
    node_mtbf_hours: float = math.inf
    """Mean time between failures of one node."""
    repair_hours: float = 1.0
    detect_seconds: float = 30.0
    """Until the head knows that a node is lost."""
    keeps_checkpoints: bool = True
    """Whether the last checkpoint of a lost trial can be reached from another node."""
    straggler_share: float = 0.0
    """Share of trials that get a slow GPU."""
    straggler_factor: float = 1.5
    """How much longer they take."""


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What came of it."""

    makespan: float = 0.0
    """Seconds until the last record is written."""
    useful_seconds: float = 0.0
    """GPU time of all trials as if nothing had gone wrong."""
    lost_seconds: float = 0.0
    """GPU time that was done and lost, and done again."""
    slow_seconds: float = 0.0
    """GPU time that stragglers took more than they should."""
    overhead_seconds: float = 0.0
    """GPU time spent starting, or waiting for data."""
    head_seconds: float = 0.0
    """Time that the head was busy."""
    store_bytes: float = 0.0
    """What is in the store at the end."""
    written_bytes: float = 0.0
    """What was written into it, training states that others took the place of included."""
    failures: int = 0
    """Of nodes, while the bench ran."""
    lost_trials: int = 0
    """How often a trial lost its node."""
    most_unwritten: int = 0
    """Most results that waited for the link or the writer at a time."""
    gpus: int = 0

    @property
    def utilisation(self) -> float:
        """Share of all GPU time that was useful."""
        return self.useful_seconds / (self.gpus * self.makespan) if self.makespan else 0.0

    @property
    def head_load(self) -> float:
        """Share of one core that the head took."""
        return self.head_seconds / self.makespan if self.makespan else 0.0

    @property
    def bytes_per_second(self) -> float:
        """Into the store, on average."""
        return self.written_bytes / self.makespan if self.makespan else 0.0

    def cost(self, dollars_per_gpu_hour: float) -> float:
        """Return what all GPUs cost until the end, idle or not."""
        return self.gpus * self.makespan / HOUR * dollars_per_gpu_hour


@dataclass(slots=True)
class _Node:
    free: int
    is_up: bool = True
    life: int = 0
    """How often it failed; what was begun in an earlier life is void."""
    data_at: dict[str, float] = field(default_factory=dict)
    """When each dataset is ready."""
    running: dict[int, tuple[float, float]] = field(default_factory=dict)
    """By trial: when it began to compute, and how much longer than it should it takes."""


def simulate(trials: Sequence[Trial], cluster: Cluster, *, seed: int = 0) -> Outcome:
    """Run *trials* in the given order, and return what came of it; the same seed gives the same."""
    return _Simulation(trials, cluster, random.Random(seed)).run()


class _Simulation:
    def __init__(self, trials: Sequence[Trial], cluster: Cluster, rng: random.Random) -> None:
        self.trials, self.cluster, self.rng = trials, cluster, rng
        sizes = [cluster.gpus_per_node] * (cluster.gpus // cluster.gpus_per_node)
        sizes += [rest] if (rest := cluster.gpus % cluster.gpus_per_node) else []
        self.sizes = sizes
        self.nodes = [_Node(free=size) for size in sizes]
        self.waiting = deque(range(len(trials)))
        self.ready: deque[int] = deque()
        self.outstanding = 0
        self.unwritten = 0
        self.recorded = 0
        self.left = [trial.seconds for trial in trials]
        self.link_free_at = 0.0
        self.head_is_busy = False
        self.to_send: deque[int] = deque()
        self.to_write: deque[tuple[int, str]] = deque()
        """Trials, and what of them: ``result`` or ``state``."""
        self.events: list[tuple[float, int, str, tuple[int, ...]]] = []
        self.numbers = itertools.count()
        self.outcome = Outcome(
            gpus=cluster.gpus,
            useful_seconds=sum(trial.seconds for trial in trials),
            store_bytes=sum(trial.result_bytes for trial in trials),
        )

    def run(self) -> Outcome:
        for index in range(len(self.nodes)):
            self._draw_failure(0.0, index)
        self._send_out(0.0)
        while self.recorded < len(self.trials):
            now, _, kind, values = heapq.heappop(self.events)
            getattr(self, f"_on_{kind}")(now, *values)
        return self.outcome

    def _at(self, time: float, kind: str, *values: int) -> None:
        heapq.heappush(self.events, (time, next(self.numbers), kind, values))

    def _work(self, now: float) -> None:
        """Have the head do what comes next, unless it is at something."""
        if self.head_is_busy or not (self.to_send or self.to_write):
            return
        if self.to_send:
            index, kind = self.to_send.popleft(), "sent"
            seconds = self.trials[index].dispatch_seconds
        else:
            index, what = self.to_write.popleft()
            trial, kind = self.trials[index], f"written_{what}"
            seconds = trial.head_seconds if what == "result" else trial.checkpoint_head_seconds
        self.head_is_busy = True
        self.outcome.head_seconds += seconds
        self._at(now + seconds, kind, index)

    def _send_out(self, now: float) -> None:
        """Send trials out as long as not too many are out; those whose results are unwritten count."""
        while self.waiting and self.outstanding < self.cluster.gpus + self.cluster.ahead:
            self.to_send.append(self.waiting.popleft())
            self.outstanding += 1
        self._work(now)

    def _on_sent(self, now: float, index: int) -> None:
        self.head_is_busy = False
        self.ready.append(index)
        self._fill(now)
        self._work(now)

    def _fill(self, now: float) -> None:
        while self.ready:
            dataset = self.trials[self.ready[0]].dataset
            # A node that has the data goes first, then the one with most room.
            node = max(
                (node for node in self.nodes if node.is_up and node.free),
                key=lambda each: (dataset in each.data_at, each.free),
                default=None,
            )
            if node is None:
                return
            self._begin(now, self.ready.popleft(), node)

    def _begin(self, now: float, index: int, node: _Node) -> None:
        trial, cluster = self.trials[index], self.cluster
        node.free -= 1
        data_at = node.data_at.setdefault(trial.dataset, now + cluster.data_seconds)
        start = max(now, data_at) + cluster.start_seconds
        self.outcome.overhead_seconds += start - now
        slow = cluster.straggler_factor if self.rng.random() < cluster.straggler_share else 1.0
        node.running[index] = (start, slow)
        place = self.nodes.index(node)
        self._at(start + slow * self.left[index], "end", index, place, node.life)
        self._plan_checkpoint(start, index, place, node.life)

    def _plan_checkpoint(self, after: float, index: int, place: int, life: int) -> None:
        node, seconds = self.nodes[place], self.trials[index].checkpoint_seconds
        start, slow = node.running[index]
        if self.trials[index].checkpoint_bytes and after + slow * seconds < start + slow * self.left[index]:
            self._at(after + slow * seconds, "checkpoint", index, place, life)

    def _on_checkpoint(self, now: float, index: int, place: int, life: int) -> None:
        if self.nodes[place].life == life:
            self._send(now, index, "state", self.trials[index].checkpoint_bytes)
            self._plan_checkpoint(now, index, place, life)

    def _send(self, now: float, index: int, what: str, size: float) -> None:
        """Send something over the head's link."""
        self.outcome.written_bytes += size
        self.link_free_at = max(now, self.link_free_at) + size / self.cluster.link_bytes_per_second
        self._at(self.link_free_at, f"arrived_{what}", index)

    def _on_end(self, now: float, index: int, place: int, life: int) -> None:
        node = self.nodes[place]
        if node.life != life:
            return  # it was lost meanwhile
        _, slow = node.running.pop(index)
        self.outcome.slow_seconds += (slow - 1) * self.left[index]
        node.free += 1
        self.unwritten += 1
        self.outcome.most_unwritten = max(self.outcome.most_unwritten, self.unwritten)
        self._send(now, index, "result", self.trials[index].result_bytes)
        self._fill(now)

    def _on_arrived_result(self, now: float, index: int) -> None:
        self.to_write.append((index, "result"))
        self._work(now)

    def _on_arrived_state(self, now: float, index: int) -> None:
        self.to_write.append((index, "state"))
        self._work(now)

    def _on_written_state(self, now: float, index: int) -> None:
        self.head_is_busy = False
        self._work(now)

    def _on_written_result(self, now: float, index: int) -> None:
        self.head_is_busy = False
        self.unwritten -= 1
        self.outstanding -= 1
        self.recorded += 1
        self.outcome.makespan = now
        self._send_out(now)

    def _draw_failure(self, now: float, place: int) -> None:
        if math.isfinite(self.cluster.node_mtbf_hours):
            self._at(now + self.rng.expovariate(1 / (self.cluster.node_mtbf_hours * HOUR)), "failure", place)

    def _on_failure(self, now: float, place: int) -> None:
        node = self.nodes[place]
        self.outcome.failures += 1
        node.is_up, node.free = False, 0
        node.life += 1
        for index, (start, slow) in node.running.items():
            done = max(0.0, now - start) / slow
            interval = self.trials[index].checkpoint_seconds
            kept = 0.0
            if self.cluster.keeps_checkpoints and math.isfinite(interval):
                kept = math.floor(done / interval) * interval
            self.left[index] -= kept
            self.outcome.lost_seconds += (done - kept) * slow
            self.outcome.lost_trials += 1
            self._at(now + self.cluster.detect_seconds, "lost", index)
        node.running.clear()
        self._at(now + self.cluster.repair_hours * HOUR, "repaired", place)

    def _on_lost(self, now: float, index: int) -> None:
        """Send it out again, before those that have not begun."""
        self.ready.appendleft(index)
        self._fill(now)

    def _on_repaired(self, now: float, place: int) -> None:
        node = self.nodes[place]
        node.is_up, node.free = True, self.sizes[place]
        self._draw_failure(now, place)
        self._fill(now)
