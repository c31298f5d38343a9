"""Tasks on a Ray cluster: put where there is room, followed to their end, told to the bench frame by frame."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import zoo
from plugins.executors import _ray_node
from plugins.executors._frames import Channel
from plugins.executors._placement import Place, Placement, Shape
from plugins.executors._ray_errors import last_line, lost_task

LOOK_SECONDS = 2.0
"""How often the nodes are looked at."""

GONE_SECONDS = 5.0
"""A node's tasks are given up so long after the cluster has said that it is gone."""

TAIL_SECONDS = 5.0
"""How long a node may take to say what a lost process printed last."""

UNFETCHED_MESSAGES = 4
"""Number of unfetched messages of a task from which its node waits: a slow bench must not fill its memory."""


class Refused(Exception):
    """The cluster cannot be used, with a sentence that says why."""


@dataclass(slots=True)
class _Node:
    """A node of the cluster, usable or not."""

    name: str
    cpus: float
    gpus: float
    usable: bool = False
    refused: str = ""


@dataclass(slots=True)
class _Running:
    """A task that is not over."""

    number: int
    task_id: str
    spec: dict[str, Any]
    contents: list[bytes]
    shape: Shape
    node: str = ""
    """Name that the cluster gives the node it runs on."""
    name: str = ""
    log: str = ""
    generator: Any = None
    started: bool = False
    ending: str = ""
    """Why it is ended at once, if it is."""
    follower: asyncio.Task[None] | None = None


class Tasks:
    """The tasks of one bench, in the loop of a process that is connected to the cluster."""

    def __init__(self, channel: Channel, *, home: str, node_timeout: float) -> None:
        self._channel, self._home, self._node_timeout = channel, home, node_timeout
        self._placement = Placement()
        self._nodes: dict[str, _Node] = {}
        self._running: dict[int, _Running] = {}
        self._by_id: dict[str, int] = {}
        self._count = 0
        self._misfits: dict[Shape, float] = {}
        """Since when what takes so much has found no node that could ever hold it; monotonic."""
        self._examining: dict[str, asyncio.Task[None]] = {}
        # A bench that takes nothing holds up this thread alone, and whoever waits for it.
        self._sender = ThreadPoolExecutor(1)
        self._lookers = ThreadPoolExecutor(2)

    async def start(self, seconds: float) -> None:
        """Get to know the nodes, and tell the bench; wait up to *seconds* for one that can be used.

        Raises:
            Refused: If the nodes cannot be used.
        """
        import ray

        unlimited = {"max_concurrency": 100_000, "num_cpus": 0, "max_restarts": 0}
        self._stops = ray.remote(_ray_node.Stops).options(scheduling_strategy=_on(self._home), **unlimited).remote()
        # max_calls: processes are used again, also those with a GPU, so that what they have loaded stays warm.
        self._run = ray.remote(
            num_returns="streaming",
            max_retries=0,
            max_calls=0,
            _generator_backpressure_num_objects=UNFETCHED_MESSAGES,
        )(_ray_node.run_task)
        until = time.monotonic() + seconds
        while not any(node.usable or node.refused for node in self._nodes.values()):
            if time.monotonic() > until:
                raise Refused("none of the Ray cluster's nodes can run a trial: none has CPUs, or none has answered")
            await self._look()
            if self._examining:
                await asyncio.wait(self._examining.values(), timeout=max(0.0, until - time.monotonic()))
            else:
                await asyncio.sleep(1)
        refused = sorted(node.refused for node in self._nodes.values() if node.refused)
        if refused:
            # Better said now than in the middle of the bench.
            raise Refused("; ".join(refused))
        await self._send({"is": "ready"})

    def obey(self, asked: dict[str, Any], contents: list[bytes]) -> None:
        """Do what the bench asks for."""
        if asked["do"] == "submit":
            self._count += 1
            task = _Running(self._count, asked["task_id"], asked, contents, (asked["cpus"], asked["gpus"]))
            self._running[task.number], self._by_id[task.task_id] = task, task.number
            self._placement.add(task.number, task.shape, asked["node"])
            self._place()
        elif asked["task_id"] in self._by_id:
            self._stop(self._running[self._by_id[asked["task_id"]]], at_once=asked["do"] == "kill")

    def abandon(self) -> None:
        """End all tasks at once, and tell nobody."""
        import ray

        for task in self._running.values():
            if task.generator is not None:
                ray.cancel(task.generator, force=True)

    async def watch(self) -> None:
        """Keep an eye on the nodes.

        Raises:
            Refused: Once there is no cluster any more.
        """
        populated = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                # Without a head this may hang, and this whole process with it: the bench listens for the next line.
                await self._look()
            except Exception as error:
                raise Refused(f"the Ray cluster is gone ({last_line(str(error))})") from error
            await self._send({"is": "alive"})
            self._give_up_misfits()
            if any(node.usable for node in self._nodes.values()):
                populated = time.monotonic()
            elif time.monotonic() - populated > self._node_timeout:
                raise Refused(f"the Ray cluster has had no node for trials for {self._node_timeout:g} s")

    async def _look(self) -> None:
        import ray

        loop = asyncio.get_running_loop()
        seen = {each["NodeID"]: each for each in await loop.run_in_executor(self._lookers, ray.nodes) if each["Alive"]}
        for gone in self._nodes.keys() - seen.keys():
            loop.call_later(GONE_SECONDS, self._give_up_node, gone, self._nodes.pop(gone).name)
        names = [each["NodeName"] for each in seen.values()]
        for key, each in seen.items():
            cpus, gpus = each["Resources"].get("CPU", 0.0), each["Resources"].get("GPU", 0.0)
            if key not in self._nodes and (cpus or gpus):
                name = each["NodeName"] if names.count(each["NodeName"]) == 1 else f"{each['NodeName']}-{key[:6]}"
                self._nodes[key] = _Node(name, cpus, gpus)
                self._examining[key] = asyncio.create_task(self._examine(key, self._nodes[key]))
        await self._renew()

    async def _examine(self, key: str, node: _Node) -> None:
        import ray

        try:
            ask = ray.remote(_ray_node.examine).options(num_cpus=0, max_retries=0, scheduling_strategy=_on(key))
            theirs = json.loads(await ask.remote())["version"]
            if theirs == zoo.__version__:
                node.usable = True
            else:
                node.refused = _ray_node.different_versions(node.name, theirs, zoo.__version__)
        except Exception as error:
            sentence = lost_task(error, node.name)
            if "zoobench" in sentence:
                node.refused = sentence
            else:  # it may be on its way in, or out: if it is still there, it is asked again
                print(f"{node.name} could not be asked: {sentence}", file=sys.stderr, flush=True)
                self._nodes.pop(key, None)
        del self._examining[key]
        await self._renew()

    async def _renew(self) -> None:
        """Go on with the nodes that are usable now."""
        usable = {key: Place(node.name, node.cpus, node.gpus) for key, node in self._nodes.items() if node.usable}
        if self._placement.set_nodes(usable):
            await self._tell_nodes()
            self._place()

    async def _tell_nodes(self) -> None:
        usable = [node for node in self._nodes.values() if node.usable]
        nodes = [{"name": node.name, "cpus": node.cpus, "gpus": node.gpus} for node in usable]
        await self._send({"is": "nodes", "nodes": nodes})

    def _place(self) -> None:
        """Give to Ray what there is room for: it need not know of thousands of tasks that wait."""
        while (found := self._placement.next()) is not None:
            task = self._running[found[0]]
            task.node, task.name = found[1], self._nodes[found[1]].name
            task.generator = self._submit(task)
            task.follower = asyncio.create_task(self._follow(task))

    def _submit(self, task: _Running) -> Any:
        spec = {name: task.spec[name] for name in ("function", "payload", "files")}
        spec |= {"number": task.number, "node": task.node, "name": task.name, "version": zoo.__version__}
        run = self._run.options(
            name=f"zoo {task.task_id}",
            num_cpus=task.shape[0],
            num_gpus=task.shape[1],
            # Others may use the cluster, too, and have taken that node.
            scheduling_strategy=_on(task.node, soft=True, _spill_on_unavailable=True),
        )
        generator = run.remote(json.dumps(spec).encode(), self._stops, *task.contents)
        task.spec, task.contents = {}, []
        return generator

    async def _follow(self, task: _Running) -> None:
        problem, lost = f"its process on node {task.name} ended without a message", True
        try:
            async for message, content in _messages(task.generator):
                if message["is"] == "ended":
                    problem, lost = message["problem"], message["lost"]
                    break
                if message["is"] == "started":
                    self._note_start(task, message)
                    await self._send({"is": "started", "task_id": task.task_id, "node": task.name})
                else:
                    head = {"is": "message", "task_id": task.task_id}
                    await self._send(head, message["message"].encode(), content)
        except Exception as error:
            problem = lost_task(error, task.name)
            if task.started and not task.ending:
                problem += await self._last_words(task)
        if task.ending:
            problem, lost = task.ending, False
        await self._end(task, problem, lost=lost)

    def _note_start(self, task: _Running, message: dict[str, Any]) -> None:
        task.started, task.log = True, message["log"]
        if message["node"] != task.node:
            self._placement.move(task.number, message["node"])
            task.node = message["node"]
            node = self._nodes.get(task.node)
            task.name = node.name if node else message["name"]

    def _stop(self, task: _Running, *, at_once: bool) -> None:
        import ray

        unstarted = "it was stopped before it started"
        if self._placement.remove(task.number):
            task.follower = asyncio.create_task(self._end(task, unstarted))
        elif at_once or not task.started:  # one that has not started has nothing to save
            task.ending = "it was ended at once" if task.started else unstarted
            ray.cancel(task.generator, force=True)
        elif task.generator is not None:
            self._stops.stop.remote(task.number)

    async def _last_words(self, task: _Running) -> str:
        """Return what the process of a lost task printed last, if its node is there to ask."""
        import ray

        if not task.log or task.node not in self._nodes:
            return ""
        where = f"its log: {task.log} there"
        ask = ray.remote(_ray_node.read_tail).options(num_cpus=0, max_retries=0, scheduling_strategy=_on(task.node))
        try:
            tail = await asyncio.wait_for(ask.remote(task.log), TAIL_SECONDS)
        except Exception:  # the node may be on its way out
            return f" ({where})"
        words = last_line(tail.decode(errors="replace"))
        return f"; it last printed {words!r} ({where})" if words else f" ({where})"

    async def _end(self, task: _Running, problem: str, *, lost: bool = False) -> None:
        if self._running.pop(task.number, None) is None:
            return
        del self._by_id[task.task_id]
        self._placement.free(task.number)
        if task.generator is not None:
            self._stops.forget.remote(task.number)
        self._place()
        told = {"task_id": task.task_id, "problem": problem, "lost": lost, "node": task.name}
        told["log"] = task.started and bool(problem) and not task.ending
        await self._send({"is": "ended", **told})

    def _give_up_node(self, key: str, name: str) -> None:
        """End what Ray still believes to run on a node that is gone."""
        for task in list(self._running.values()):
            if task.node == key and task.follower is not None:
                task.follower.cancel()
                task.follower = asyncio.create_task(self._end(task, f"node {name} is gone or out of reach", lost=True))

    def _give_up_misfits(self) -> None:
        """End what has waited too long for a node that could hold it."""
        now, misfits = time.monotonic(), dict(self._placement.misfits())
        self._misfits = {shape: self._misfits.get(shape, now) for shape in misfits}
        for shape, since in self._misfits.items():
            if now - since < self._node_timeout:
                continue
            has = ", ".join(f"{node.name}: {_amount(node.cpus, node.gpus)}" for node in self._nodes.values())
            problem = f"no node of the Ray cluster has {_amount(*shape)} (there is {has or 'no usable node'})"
            for number in misfits[shape]:
                self._placement.remove(number)
                self._running[number].follower = asyncio.create_task(
                    self._end(self._running[number], problem, lost=True)
                )

    async def _send(self, head: dict[str, Any], *contents: bytes) -> None:
        await asyncio.get_running_loop().run_in_executor(self._sender, lambda: self._channel.send(head, *contents))


async def _messages(generator: Any) -> AsyncIterator[tuple[dict[str, Any], bytes]]:
    async for reference in generator:
        head, _, content = (await reference).partition(b"\n")
        message = json.loads(head)
        yield message, (await (await anext(generator)) if message.get("apart") else content)


def _on(node: str, *, soft: bool = False, **how: bool) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft, **how)


def _amount(cpus: float, gpus: float) -> str:
    return f"{cpus:g} CPU{'' if cpus == 1 else 's'}" + (f" and {gpus:g} GPU{'' if gpus == 1 else 's'}" if gpus else "")
