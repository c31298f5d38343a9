"""A classifier to serve that needs no training, an app and a server of it, and requests to send.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import struct
import threading
import zlib
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import torch
from PIL import Image
from torch import Tensor, nn

from harness.classifiers.card import ClassifierCard
from harness.classifiers.predicting import Predictor
from harness.classifiers.trained import TrainedClassifier
from harness.records.spec import ArchitectureSpec, ProviderSpec
from harness.serving.app import create_app
from harness.serving.limits import Limits
from harness.serving.metrics import Metrics
from harness.serving.served import ServedClassifier
from harness.serving.server import address_of, listen, own_hosts, serve

SMALL = Limits(image_bytes=50_000, request_bytes=300_000, pixels=1_000_000, images=4, queue=8)
"""Limits that a test can exceed."""
PART = b'--x\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n'
"""The head of a file in a form with the boundary x."""
FAST = Limits(idle_seconds=1.0, body_seconds=1.0)
"""For clients that are to be cut off; all others get the time that a busy machine needs."""
SOON = 20
"""Seconds after which something that has not happened will not."""


class Colours(nn.Module):
    """Says which of red, green and blue an image has most of; fails on black ones, and knows nothing of white ones."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.go_on.set()
        self.batches: list[int] = []

    def forward(self, images_BCHW: Tensor) -> Tensor:
        self.batches.append(len(images_BCHW))
        assert self.go_on.wait(SOON)
        logits_BK = 8 * images_BCHW.mean(dim=(2, 3))
        if bool((logits_BK.sum(dim=1) == 0).any()):
            raise RuntimeError("it is dark")
        logits_BK[logits_BK.sum(dim=1) > 23.9] = torch.nan
        return logits_BK


def picture(colour: str = "red", *, side: int = 10, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(file, form)
    return file.getvalue()


def form(*images: bytes | tuple[str, bytes], field: str = "images") -> list[tuple[str, tuple[str, bytes]]]:
    named = [each if isinstance(each, tuple) else (f"{index}.png", each) for index, each in enumerate(images)]
    return [(field, each) for each in named]


def colour_classifier() -> TrainedClassifier:
    """Return a classifier of red, green and blue that needs no training."""
    provider = ProviderSpec(plugin="a test")
    card = ClassifierCard(
        title="colours",
        architecture=ArchitectureSpec(full_name="test/colours", display_name="colours", provider=provider),
        classes=("red", "green", "blue"),
        image_size=8,
        channels=3,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
    )
    return TrainedClassifier(card=card, model=Colours().eval(), path=Path("nowhere"))


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header says that it is large; a few bytes."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


class Served:
    """An app in this process, and what asks it."""

    def __init__(self, classifier: TrainedClassifier, *, limits: Limits, max_batch: int, **options: Any) -> None:
        self.model: Any = classifier.model
        self.limits, self.metrics, self.reports = limits, Metrics(), list[str]()
        self.classifier = ServedClassifier(
            Predictor(classifier, device="cpu", batch_size=max_batch),
            limits=limits,
            metrics=self.metrics,
            max_batch=max_batch,
            max_wait_ms=options.pop("max_wait_ms", 0),
            report=self.reports.append,
        )
        self.app = create_app(self.classifier, metrics=self.metrics, **options)

    def run(self, ask: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
        async def all_of_it() -> Any:
            # What the server makes of an error of its own is what is looked at, not the error.
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                async with asyncio.timeout(SOON):
                    return await ask(client)

        return asyncio.run(all_of_it())

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.run(lambda client: client.request(method, path, **options))

    def predict(self, *images: bytes | tuple[str, bytes], path: str = "/predict", **options: Any) -> httpx.Response:
        return self.ask("POST", path, files=form(*images), **options)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def refused(response: httpx.Response, status: int, *words: str) -> None:
    """Assert that a response is a clean refusal: its status, and one sentence with these words."""
    assert response.status_code == status, response.text
    detail = response.json()["detail"]
    assert "\n" not in detail
    for word in words:
        assert word in detail


def body(text: bytes) -> dict[str, Any]:
    return {"content": text, "headers": {"content-type": "multipart/form-data; boundary=x"}}


class Running:
    """A server in this process's main thread, for signals come there; what asks it is in another."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        trained = colour_classifier()
        self.model: Any = trained.model
        self.served = ServedClassifier(
            Predictor(trained, device="cpu", batch_size=4),
            limits=limits,
            metrics=Metrics(),
            max_batch=4,
            max_wait_ms=0,
            report=lambda sentence: None,
        )
        self.listener = listen("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        self.url = address_of(self.listener)
        self.stopped_cleanly: bool | None = None
        self._is_stopping = False
        self._connections: list[socket.socket] = []
        self._ready = threading.Event()
        self._failure: BaseException | None = None

    def during(self, ask: Callable[[], None]) -> None:
        """Serve while *ask* runs in a thread, then stop."""

        def client() -> None:
            try:
                assert self._ready.wait(SOON)
                ask()
            except BaseException as error:
                self._failure = error
            finally:
                for connection in self._connections:
                    connection.close()
                if not self._is_stopping:
                    self.stop()

        thread = threading.Thread(target=client)
        thread.start()
        with closing(self.listener), closing(self.served):
            self.stopped_cleanly = serve(
                self.served,
                self.listener,
                limits=self.limits,
                metrics=Metrics(),
                hosts=own_hosts(self.listener, "127.0.0.1", ()),
                token=None,
                ready=self._ready.set,
            )
            self.model.go_on.set()
        thread.join()
        if self._failure:
            raise self._failure

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send this process a signal; not once more when it was told to stop, for then nobody may catch it."""
        self._is_stopping = True
        os.kill(os.getpid(), number)

    def connect(self) -> socket.socket:
        self._connections.append(socket.create_connection(("127.0.0.1", self.port), timeout=SOON))
        return self._connections[-1]

    def is_well(self) -> bool:
        return httpx.post(f"{self.url}/predict", files=form(picture())).status_code == 200


def rest_of(connection: socket.socket) -> bytes:
    """Read until the server closes the connection, however it does."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)
