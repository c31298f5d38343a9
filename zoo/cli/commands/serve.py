"""``zoo serve``: serve a trained model over HTTP."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import click

from zoo.cli.session import complain, plugin_options, session_of
from zoo.text import clean

TOKEN_VARIABLE = "ZOO_SERVE_TOKEN"
_NEEDED = ("fastapi", "prometheus_client", "python_multipart", "uvicorn")
_MAX_BATCH = {"cpu": 32}
_MAX_BATCH_ELSEWHERE = 128


@click.command("serve")
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    metavar="N",
    help="Port to listen on; 0 picks a free one.",
)
@click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="Also accept requests for this host name, such as a proxy's; repeatable.",
)
@click.option(
    "--token-file", metavar="FILE", help=f"Require the token in FILE [default: the token in {TOKEN_VARIABLE}]."
)
@click.option(
    "--max-batch",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Maximum number of images per batch [default: {_MAX_BATCH['cpu']} on a CPU, else {_MAX_BATCH_ELSEWHERE}].",
)
@click.option(
    "--max-wait-ms",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    metavar="MS",
    help="How long an image waits for others to fill its batch.",
)
@click.option("--device", default="auto", metavar="DEVICE", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option(
    "--precision",
    type=click.Choice(("fp32", "bf16", "fp16")),
    help="Numeric precision [default: as in testing if the device type is the same, else fp32].",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="CPU threads for the network [default: PyTorch's].",
)
@click.option(
    "--max-images",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    metavar="N",
    help="Maximum number of images per request.",
)
@click.option(
    "--max-image-size", default="16MB", show_default=True, metavar="SIZE", help="Maximum size of an encoded image."
)
@click.option(
    "--max-request-size", default="64MB", show_default=True, metavar="SIZE", help="Maximum size of a request."
)
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=50_000_000,
    show_default=True,
    metavar="N",
    help="Maximum width × height of an image.",
)
@click.option(
    "--max-queue",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    metavar="N",
    help="Maximum number of images in the queue.",
)
@plugin_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    checkpoint: str,
    host: str,
    port: int,
    allowed_hosts: tuple[str, ...],
    token_file: str | None,
    max_batch: int | None,
    max_wait_ms: float,
    device: str,
    precision: str | None,
    threads: int | None,
    max_images: int,
    max_image_size: str,
    max_request_size: str,
    max_pixels: int,
    max_queue: int,
) -> None:
    """Serve a trained model over HTTP. Needs pip install 'zoobench[serve]'.

    CHECKPOINT is a trial folder, the checkpoint inside it, or a .safetensors file written by zoo export or zoo import.
    Images are preprocessed as in training, and images from concurrent requests are batched.

    POST /predict accepts files in a form (curl -F images=@a.jpg), an image as the body (curl -T a.jpg), or JSON with
    base64 ({"image": "..."}), and returns the same JSON as zoo predict --format json. There is a demo page at /, API
    documentation at /docs, and /health and /metrics.

    The server accepts connections from this machine only, unless --host is given. Ctrl-C or SIGTERM stops it after
    pending requests have been answered.
    """
    from zoo.errors import UsageError

    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(f"zoo serve needs {', '.join(missing)}: pip install 'zoobench[serve]'")

    import torch

    from harness.classifiers.predicting import Predictor
    from harness.classifiers.trained import load_trained
    from harness.measuring.environment import resolve_device
    from harness.serving.limits import Limits
    from harness.serving.metrics import Metrics
    from harness.serving.served import ServedClassifier
    from harness.serving.server import address_of, is_loopback, listen, own_hosts, serve
    from zoo.cli.group import INTERRUPTED
    from zoo.sizes import parse_size

    token = _token(token_file)
    limits = Limits(
        images=max_images,
        image_bytes=parse_size(max_image_size, what="--max-image-size"),
        request_bytes=parse_size(max_request_size, what="--max-request-size"),
        pixels=max_pixels,
        queue=max_queue,
    )
    max_batch = max_batch or _MAX_BATCH.get(resolve_device(device), _MAX_BATCH_ELSEWHERE)
    # An address in use is reported before the network is loaded; nobody can connect until it is ready.
    with closing(listen(host, port)) as listener:
        if threads is not None:
            torch.set_num_threads(threads)

        def load() -> Predictor:
            return Predictor(
                load_trained(Path(checkpoint), session_of(ctx).catalog()),
                device=device,
                precision=precision,  # type: ignore[arg-type]  # one of the choices
                batch_size=max_batch,
            )

        # Loaded in a thread that ends: OpenMP keeps a pool of workers for each thread that has computed. With a second
        # pool there are more workers than cores, and OpenMP then waits by sleeping: 4 to 7 % slower.
        with ThreadPoolExecutor(1) as loading:
            predictor = loading.submit(load).result()
        classifier = predictor.classifier
        for note in classifier.notes:
            complain(note)
        if not is_loopback(listener) and token is None:
            complain(f"anyone who can reach {host} can send requests without a token; --token-file requires one")
        metrics = Metrics()
        served = ServedClassifier(
            predictor, limits=limits, metrics=metrics, max_batch=max_batch, max_wait_ms=max_wait_ms, report=complain
        )
        address = address_of(listener)

        def ready() -> None:
            click.echo(f"serving {clean(classifier.card.title)} on {address}")
            click.echo(f"demo page: {address}/, API documentation: {address}/docs; press Ctrl-C to stop")

        with closing(served):
            served.warm_up()
            finished = serve(
                served,
                listener,
                limits=limits,
                metrics=metrics,
                hosts=own_hosts(listener, host, allowed_hosts),
                token=token,
                ready=ready,
            )
    if finished:
        click.echo("stopped; all pending requests were answered")
    ctx.exit(0 if finished else INTERRUPTED)


def _token(file: str | None) -> bytes | None:
    """Return the required token, if any; never taken from the command line, which every user of the machine can read.

    Raises:
        UsageError: If the file cannot be read, or does not hold a token that fits into a header.
    """
    from zoo.errors import UsageError

    if file is None:
        origin, text = TOKEN_VARIABLE, os.environ.get(TOKEN_VARIABLE)
        if text is None:
            return None
    else:
        origin = f"--token-file {file}"
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise UsageError(f"{origin}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    text = text.strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError(f"{origin}: a token must be one word of printable ASCII characters")
    return text.encode()
