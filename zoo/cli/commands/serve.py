"""``zoo serve``: serve a trained model over HTTP."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.options.counts import count_option
from zoo.cli.options.running_model import checkpoint_argument, device_option, precision_option
from zoo.cli.session import complain, plugin_options, session_of, tell
from zoo.files.plain_files import TOKEN, read_text
from zoo.text import clean

if TYPE_CHECKING:
    from harness.batches.forward_settings import Precision
    from harness.serving.limits import Limits

TOKEN_VARIABLE = "ZOO_SERVE_TOKEN"
_NEEDED = ("fastapi", "prometheus_client", "python_multipart", "uvicorn")
_MAX_BATCH = {"cpu": 32}
_MAX_BATCH_ELSEWHERE = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class _ServeCall:
    """What a command line of ``zoo serve`` asks for."""

    checkpoint: Path
    host: str
    """Address to listen on."""
    port: int
    """Port to listen on; 0 picks a free one."""
    allowed_hosts: tuple[str, ...]
    """Other host names to accept requests for."""
    token: bytes | None
    """Token that requests must carry; None: none."""
    max_batch: int
    """Maximum number of images per batch."""
    max_wait_ms: float
    """How long an image waits for others to fill its batch."""
    device: str
    precision: Precision | None
    """Numeric precision; None: as in testing."""
    threads: int | None
    """CPU threads for the network; None: PyTorch's default."""
    limits: Limits
    """What the server accepts."""

    @classmethod
    def parse(cls, params: dict[str, Any]) -> _ServeCall:
        """Return the call that the parameters of click stand for.

        Raises:
            UsageError: For a token file, size or device that cannot be used.
        """
        from harness.measuring.environment import resolve_device
        from harness.serving.limits import Limits
        from zoo.files.sizes import parse_size

        return cls(
            checkpoint=Path(params["checkpoint"]),
            host=params["host"],
            port=params["port"],
            allowed_hosts=params["allowed_hosts"],
            token=_token(params["token_file"]),
            limits=Limits(
                images=params["max_images"],
                image_bytes=parse_size(params["max_image_size"], what="--max-image-size"),
                request_bytes=parse_size(params["max_request_size"], what="--max-request-size"),
                pixels=params["max_pixels"],
                queue=params["max_queue"],
            ),
            max_batch=params["max_batch"] or _MAX_BATCH.get(resolve_device(params["device"]), _MAX_BATCH_ELSEWHERE),
            max_wait_ms=params["max_wait_ms"],
            device=params["device"],
            precision=params["precision"],
            threads=params["threads"],
        )


@click.command("serve")
@checkpoint_argument
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
@count_option(
    "--max-batch",
    f"Maximum number of images per batch [default: {_MAX_BATCH['cpu']} on a CPU, else {_MAX_BATCH_ELSEWHERE}].",
)
@click.option(
    "--max-wait-ms",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    metavar="MS",
    help="How long an image waits for others to fill its batch.",
)
@device_option
@precision_option
@count_option("--threads", "CPU threads for the network [default: PyTorch's].")
@count_option("--max-images", "Maximum number of images per request.", default=64)
@click.option(
    "--max-image-size", default="16MB", show_default=True, metavar="SIZE", help="Maximum size of an encoded image."
)
@click.option(
    "--max-request-size", default="64MB", show_default=True, metavar="SIZE", help="Maximum size of a request."
)
@count_option("--max-pixels", "Maximum width × height of an image.", default=50_000_000)
@count_option("--max-queue", "Maximum number of images in the queue.", default=256)
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, **params: Any) -> None:
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
    from harness.serving.metrics import Metrics
    from harness.serving.served import ServedClassifier
    from harness.serving.server import address_of, is_loopback, listen, own_hosts, serve
    from zoo.cli.group import INTERRUPTED

    call = _ServeCall.parse(params)
    # An address in use is reported before the network is loaded; nobody can connect until it is ready.
    with closing(listen(call.host, call.port)) as listener:
        if call.threads is not None:
            torch.set_num_threads(call.threads)

        def load() -> Predictor:
            return Predictor(
                load_trained(call.checkpoint, session_of(ctx).catalog()),
                device=call.device,
                precision=call.precision,
                batch_size=call.max_batch,
            )

        # Loaded in a thread that ends: OpenMP keeps a pool of workers for each thread that has computed. With a second
        # pool there are more workers than cores, and OpenMP then waits by sleeping: 4 to 7 % slower.
        with ThreadPoolExecutor(1) as loading:
            predictor = loading.submit(load).result()
        classifier = predictor.classifier
        for note in classifier.notes:
            complain(note)
        if not is_loopback(listener) and call.token is None:
            complain(f"anyone who can reach {call.host} can send requests without a token; --token-file requires one")
        metrics = Metrics()
        served = ServedClassifier(
            predictor,
            limits=call.limits,
            metrics=metrics,
            max_batch=call.max_batch,
            max_wait_ms=call.max_wait_ms,
            report=complain,
        )
        address = address_of(listener)

        def ready() -> None:
            tell(f"serving {clean(classifier.card.title)} on {address}")
            tell(f"demo page: {address}/, API documentation: {address}/docs; press Ctrl-C to stop")

        with closing(served):
            served.warm_up()
            finished = serve(
                served,
                listener,
                limits=call.limits,
                metrics=metrics,
                hosts=own_hosts(listener, call.host, call.allowed_hosts),
                token=call.token,
                ready=ready,
            )
    if finished:
        tell("stopped; all pending requests were answered")
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
            text = read_text(Path(file), TOKEN)
        except (OSError, ValueError) as error:
            raise UsageError(f"{origin}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    text = text.strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError(f"{origin}: a token must be one word of printable ASCII characters")
    return text.encode()
