"""The process that speaks with a Ray cluster: ``python -m plugins.executors._ray_driver FD``.

It is apart from the bench because Ray ends the process that uses it when the cluster is lost, takes its signals, and
may hang. It ends with the bench, or when it is told to, and all its tasks with it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from contextlib import suppress
from typing import Any

from plugins.executors._frames import Channel, ChannelClosedError
from plugins.executors._ray_errors import failed_connection
from plugins.executors._ray_tasks import Refused, Tasks

END_SECONDS = 8.0
"""Taking leave of the cluster may take so long."""


def main() -> None:
    channel = Channel(socket.socket(fileno=int(sys.argv[1])), patient=True)
    frame = channel.receive()
    assert frame is not None
    settings = frame[0]
    try:
        home = _connect(settings)
        asyncio.run(_work(channel, settings, home))
    except Refused as error:
        with suppress(ChannelClosedError):
            channel.send({"is": "refused", "problem": str(error)})
    # Whatever Ray may wait for now, this process ends, and with it what it started.
    threading.Thread(target=_end_soon, daemon=True).start()
    import ray

    ray.shutdown()
    sys.stderr.flush()
    os._exit(0)


async def _work(channel: Channel, settings: dict[str, Any], home: str) -> None:
    tasks = Tasks(channel, home=home, node_timeout=settings["node_timeout"])
    await tasks.start(0.8 * settings["start_timeout"])
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    threading.Thread(target=_read, args=(channel, loop, tasks, over), daemon=True).start()
    watch = asyncio.create_task(tasks.watch())
    ended = asyncio.create_task(over.wait())
    await asyncio.wait([watch, ended], return_when=asyncio.FIRST_COMPLETED)
    if watch.done() and not watch.cancelled():
        watch.result()
    tasks.abandon()


def _read(channel: Channel, loop: asyncio.AbstractEventLoop, tasks: Tasks, over: asyncio.Event) -> None:
    """Hand on what the bench asks for, until it is gone or has had enough."""
    with suppress(ChannelClosedError, RuntimeError):  # the loop may be over first
        while (frame := channel.receive()) is not None and frame[0]["do"] != "close":
            loop.call_soon_threadsafe(tasks.obey, *frame)
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(over.set)


def _connect(settings: dict[str, Any]) -> str:
    """Connect, and return the cluster's name for the node that this process runs on."""
    import ray

    quiet: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": "WARNING"}
    try:
        if settings["address"]:
            ray.init(address=settings["address"], **quiet)
        else:
            ray.init(
                address="local",
                num_cpus=settings["cpus"],
                num_gpus=settings["gpus"],
                _node_ip_address="127.0.0.1",
                _temp_dir=settings["folder"],
                **quiet,
            )
    except Exception as error:
        raise Refused(failed_connection(error, settings["address"])) from error
    return str(ray.get_runtime_context().get_node_id())


def _end_soon() -> None:
    threading.Event().wait(END_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
