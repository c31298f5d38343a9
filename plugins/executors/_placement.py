"""Which waiting task goes to which node, by what each node has and what was put there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Shape = tuple[float, float]
"""CPUs and GPUs that a task takes."""

_SLACK = 1e-6
"""Shares of a CPU add up to a whole in spite of rounding."""


@dataclass(slots=True)
class Place:
    """A node, and what of it is free."""

    name: str
    cpus: float
    gpus: float
    used_cpus: float = 0
    used_gpus: float = 0

    def could_hold(self, shape: Shape) -> bool:
        return shape[0] <= self.cpus + _SLACK and shape[1] <= self.gpus + _SLACK

    def holds(self, shape: Shape) -> bool:
        return self.used_cpus + shape[0] <= self.cpus + _SLACK and self.used_gpus + shape[1] <= self.gpus + _SLACK


class Placement:
    """The nodes, by the cluster's name for them, and the tasks that wait for room, each under a number."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._waiting: dict[Shape, deque[tuple[int, str]]] = {}
        self._taken: dict[int, tuple[str, Shape]] = {}

    def set_nodes(self, nodes: Mapping[str, Place]) -> bool:
        """Go on with these nodes, and tell whether they are others; what was put on those that remain still counts."""
        if nodes.keys() == self._places.keys():
            return False
        self._places = dict(nodes)
        for place in self._places.values():
            place.used_cpus = place.used_gpus = 0
        for node, (cpus, gpus) in self._taken.values():
            if node in self._places:
                self._places[node].used_cpus += cpus
                self._places[node].used_gpus += gpus
        return True

    def add(self, number: int, shape: Shape, wanted: str = "") -> None:
        """Let a task wait for room, on the node called *wanted* if that has room at its turn."""
        self._waiting.setdefault(shape, deque()).append((number, wanted))

    def remove(self, number: int) -> bool:
        """Let a task wait no more, and tell whether it did."""
        for shape, queue in self._waiting.items():
            for item in queue:
                if item[0] == number:
                    queue.remove(item)
                    if not queue:
                        del self._waiting[shape]
                    return True
        return False

    def next(self) -> tuple[int, str] | None:
        """Give the first of those that wait and fit somewhere its room: its number, and its node."""
        for _, shape in sorted((queue[0][0], shape) for shape, queue in self._waiting.items()):
            number, wanted = self._waiting[shape][0]
            node = self._choose(shape, wanted)
            if node is not None:
                self._waiting[shape].popleft()
                if not self._waiting[shape]:
                    del self._waiting[shape]
                self._take(number, node, shape)
                return number, node
        return None

    def move(self, number: int, node: str) -> None:
        """Note that a task runs on another node than the one it was given."""
        _, shape = self._taken[number]
        self.free(number)
        self._take(number, node, shape)

    def free(self, number: int) -> None:
        """Note that a task is over."""
        node, (cpus, gpus) = self._taken.pop(number, ("", (0, 0)))
        if node in self._places:
            self._places[node].used_cpus -= cpus
            self._places[node].used_gpus -= gpus

    def misfits(self) -> Iterable[tuple[Shape, list[int]]]:
        """Return those that wait although no node could ever hold them, by what they take."""
        return [
            (shape, [number for number, _ in queue])
            for shape, queue in self._waiting.items()
            if not any(place.could_hold(shape) for place in self._places.values())
        ]

    def _choose(self, shape: Shape, wanted: str) -> str | None:
        fitting = [(node, place) for node, place in self._places.items() if place.holds(shape)]
        if not fitting:
            return None

        def emptiness(item: tuple[str, Place]) -> tuple[bool, bool, float]:
            place = item[1]
            # A GPU is not blocked by what needs none, while there is another node.
            return place.name == wanted, not (place.gpus and not shape[1]), place.cpus - place.used_cpus

        return max(fitting, key=emptiness)[0]

    def _take(self, number: int, node: str, shape: Shape) -> None:
        self._taken[number] = (node, shape)
        if node in self._places:
            self._places[node].used_cpus += shape[0]
            self._places[node].used_gpus += shape[1]
