"""Tasks that executors run in checks. Every machine has to import them, so they are small and need Python only."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping
from typing import Any

from zoo.executor import Control

Messages = Iterator[tuple[dict[str, Any], bytes]]


def echo(payload: Mapping[str, Any], files: Mapping[str, bytes], control: Control) -> Messages:
    """Yield ``payload["count"]`` empty messages, then each file with the payload."""
    for number in range(int(payload["count"])):
        yield {"number": number}, b""
    for name, content in files.items():
        yield {"file": name, "payload": dict(payload)}, content


def fail(payload: Mapping[str, Any], files: Mapping[str, bytes], control: Control) -> Messages:
    """Raise after one message."""
    yield {"ready": True}, b""
    raise ValueError("this task fails on purpose")


def die(payload: Mapping[str, Any], files: Mapping[str, bytes], control: Control) -> Messages:
    """End the process silently, unless it is that of the bench."""
    here = _here()
    yield here, b""
    if here != payload["bench"]:
        time.sleep(0.2)  # so that the message has been sent
        os._exit(3)


def wait(payload: Mapping[str, Any], files: Mapping[str, bytes], control: Control) -> Messages:
    """Report where it runs, wait up to ``payload["seconds"]`` for a request to stop, and report whether it came."""
    yield _here(), b""
    end = time.monotonic() + float(payload["seconds"])
    while time.monotonic() < end:
        if payload["listens"] and control.stop_requested():
            yield {"saved": True}, b""
            return
        time.sleep(0.05)
    yield {"saved": False}, b""


def _here() -> dict[str, Any]:
    return {"pid": os.getpid(), "machine": platform.node()}
