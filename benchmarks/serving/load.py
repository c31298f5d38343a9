"""Throughput of ``zoo serve`` over loopback, compared with the network alone in batches of the same size.

It alternates between the network alone in this process, on decoded and normalised images, and a real server in its own
process, to which this process sends requests over many connections. The client uses the same CPU, and its share is
shown. If the network dominates the cost, the server should keep up with it.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
import torch

from harness.batches.normalization import Normalizer
from harness.classifiers.predicting import Predictor
from harness.classifiers.trained import load_trained
from harness.measuring.environment import describe
from zoo import build_catalog
from zoo.loading import Sources

BOUNDARY = "load"


@dataclass
class Load:
    """What was asked, and how long each answer took."""

    seconds: float = 0.0
    client_seconds: float = 0.0
    """Of processor time that the client took."""
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    problems: int = 0

    def merge(self, other: Load) -> None:
        """Add what *other* saw."""
        self.seconds += other.seconds
        self.client_seconds += other.client_seconds
        self.latencies += other.latencies
        self.problems += other.problems
        for status, count in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + count

    @property
    def requests_per_second(self) -> float:
        """Answered with 200."""
        return self.statuses.get(200, 0) / self.seconds


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--images", type=Path, help="a folder, or Parquet with encoded images [default: the digits]")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--per-request", type=int, default=8, help="images of a request")
    parser.add_argument("--max-batch", type=int, default=32)
    parser.add_argument("--max-wait-ms", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=6.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    images = encoded_images(given.images, 256)
    catalog = build_catalog(Sources(entry_points=False))
    predictor = Predictor(load_trained(given.checkpoint, catalog), batch_size=given.max_batch)
    alone = Alone(predictor, [images[index % len(images)] for index in range(given.max_batch)])
    rates, load, ratios = [], Load(), []
    with server(given) as url:
        batches_before = metrics(url)
        asyncio.run(ask(url, images, given, seconds=1.0))
        alone.rate(1.0)
        for _ in range(given.rounds):
            before = alone.rate(given.seconds / 2)
            turn = asyncio.run(ask(url, images, given, seconds=given.seconds))
            after = alone.rate(given.seconds / 2)
            rates += [before, after]
            load.merge(turn)
            ratios.append(turn.requests_per_second * given.per_request / statistics.mean((before, after)))
        batches_after = metrics(url)
    about = describe("cpu" if predictor.device.type == "cpu" else str(predictor.device), given.threads)
    print(f"{predictor.classifier.card.title}, {predictor.classifier.card.image_size} px")
    print(f"{about['device_name']}, {about['cpu_cores']} cores, {given.threads} threads, torch {about['torch']}")
    print(f"{given.connections} connections, {given.per_request} images a request, batches of up to {given.max_batch}")
    latencies = np.array(load.latencies) * 1000
    num_batches = batches_after["zoo_batch_images_count"] - batches_before["zoo_batch_images_count"]
    num_images = batches_after["zoo_batch_images_sum"] - batches_before["zoo_batch_images_sum"]
    print(f"served        {load.requests_per_second * given.per_request:9.1f} images/s")
    print(f"              {load.requests_per_second:9.1f} requests/s")
    print(f"latency       {np.percentile(latencies, 50):9.0f} ms p50, {np.percentile(latencies, 95):.0f} ms p95")
    print(f"mean batch    {num_images / num_batches:9.1f} images")
    print(f"client        {100 * load.client_seconds / load.seconds:9.1f} % of one core")
    print(f"network alone {statistics.mean(rates):9.1f} images/s ({min(rates):.1f} to {max(rates):.1f})")
    print(
        f"served/alone  {100 * statistics.median(ratios):9.1f} % ({', '.join(f'{100 * each:.1f}' for each in ratios)})"
    )
    refused = {status: count for status, count in load.statuses.items() if status != 200}
    print(f"other answers {refused or 'none'}, images with a problem: {load.problems}")


class Alone:
    """The network on one batch that is ready for it."""

    def __init__(self, predictor: Predictor, images: list[bytes]) -> None:
        card = predictor.classifier.card
        self.images_BCHW = Normalizer(card, predictor.device, channels_last=card.layout == "channels_last")(
            torch.from_numpy(np.stack([predictor.decode(image) for image in images]))
            .to(predictor.device)
            .permute(0, 3, 1, 2)
        )
        self.predictor = predictor

    def rate(self, seconds: float) -> float:
        """Return images per second."""
        model, predict = self.predictor.classifier.model, self.predictor.classifier.predict
        began, count = time.perf_counter(), 0
        with torch.inference_mode():
            while (passed := time.perf_counter() - began) < seconds:
                logits_BK = model(self.images_BCHW) if predict is None else predict(model, self.images_BCHW)
                logits_BK.cpu()
                count += len(self.images_BCHW)
        return count / passed


async def ask(url: str, images: list[bytes], given: argparse.Namespace, *, seconds: float) -> Load:
    """Ask over many connections, each of which asks again when it has its answer.

    Requests that are under way at the end are waited for, and count with the time that they take.
    """
    load = Load()
    address = urlsplit(url)
    bodies = [
        request(address.netloc, [images[(start + index) % len(images)] for index in range(given.per_request)])
        for start in range(0, len(images), given.per_request)
    ]
    began, client_began = time.perf_counter(), time.process_time()

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        turn = number
        while time.perf_counter() - began < seconds:
            asked = time.perf_counter()
            writer.write(bodies[turn % len(bodies)])
            status, body = await answer(reader)
            load.latencies.append(time.perf_counter() - asked)
            load.statuses[status] = load.statuses.get(status, 0) + 1
            load.problems += body.count(b'"problem":"')
            turn += given.connections
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(client(number) for number in range(given.connections)))
    load.seconds = time.perf_counter() - began
    load.client_seconds = time.process_time() - client_began
    return load


def request(host: str, images: list[bytes]) -> bytes:
    """Return a whole request."""
    body = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="images"; filename="{index}.png"\r\n\r\n'.encode()
        + image
        + b"\r\n"
        for index, image in enumerate(images)
    )
    body += f"--{BOUNDARY}--\r\n".encode()
    head = (
        f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read an answer: its status and body."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)


@contextmanager
def server(given: argparse.Namespace) -> Iterator[str]:
    """Run ``zoo serve`` on a port of its own; give its address."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from zoo.cli import main; main()", "--no-plugins", "serve", str(given.checkpoint)),
            *("--port", "0", "--max-batch", str(given.max_batch), "--max-wait-ms", str(given.max_wait_ms)),
            *("--threads", str(given.threads), "--max-queue", str(2 * given.connections * given.per_request)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first:
            raise SystemExit("the server did not start")
        yield first.rsplit(" ", 1)[1].strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def metrics(url: str) -> dict[str, float]:
    """Return the metrics that have no labels."""
    with urlopen(f"{url}/metrics") as response:
        lines = [line.split() for line in response.read().decode().splitlines() if line and line[0] != "#"]
    return {name: float(value) for name, value in lines if "{" not in name}


def encoded_images(path: Path | None, count: int) -> list[bytes]:
    """Return image files: of a folder, of a column of a Parquet file, or the digits as PNG."""
    if path is None:
        from PIL import Image
        from sklearn.datasets import load_digits

        found = []
        for pixels in load_digits().images[:count]:
            file = io.BytesIO()
            Image.fromarray((pixels * 15.9).astype(np.uint8)).save(file, "PNG")
            found.append(file.getvalue())
        return found
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
        return [each.read_bytes() for each in files[:count]]
    from pyarrow import parquet

    for row in parquet.ParquetFile(path).iter_batches(batch_size=count):
        for column in row.to_pylist()[0]:
            values = row.column(column).to_pylist()
            if isinstance(values[0], dict) and values[0].get("bytes"):
                return [value["bytes"] for value in values]
    raise SystemExit(f"{path} has no column of encoded images")


if __name__ == "__main__":
    main()
