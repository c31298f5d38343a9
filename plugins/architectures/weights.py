"""Published weights: adapting them to other channels, and reporting why they are unavailable.

Shape suffixes: O output channels, I input channels, H height, W width of a kernel.
"""

from __future__ import annotations

import math
import socket
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import UnavailableWeightsError

if TYPE_CHECKING:
    from torch import Tensor

_NETWORK_LIBRARIES = ("httpcore", "httpx", "huggingface_hub", "requests", "socket", "ssl", "urllib", "urllib3")
_PATIENCE_SECONDS = 3.0
"""How long a host has to accept a connection: many networks may ask in one bench."""
_REMEMBERED_SECONDS = 60.0
"""For how long a host that did not answer is not asked again."""
_silent: dict[str, float] = {}
"""When hosts did not answer, on the clock of ``time.monotonic()``."""


@contextmanager
def downloading(what: str, advice: str) -> Iterator[None]:
    """Turn a network or disk failure into one sentence: that *what* is unavailable, why, and *advice*.

    Raises:
        UnavailableWeightsError: If the body fails for such a reason.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, OSError) and not _is_of_network(error):
            raise
        cause = _root_cause(error)
        raise UnavailableWeightsError(f"{what} cannot be loaded: {cause}; {advice}", cause=cause) from error


def check_reachable(url: str) -> None:
    """Fail within seconds if there is no connection to the host of *url*, where downloads would try again for minutes.

    Raises:
        ConnectionError: If there is none.
    """
    parts = urllib.parse.urlsplit(url)
    # One bench may ask for hundreds of networks of a host.
    was_silent = time.monotonic() - _silent.get(parts.netloc, -math.inf) < _REMEMBERED_SECONDS
    if not was_silent and not is_reachable(url):
        was_silent, _silent[parts.netloc] = True, time.monotonic()
    if was_silent:
        raise ConnectionError(f"there is no connection to {parts.scheme}://{parts.hostname}")


def is_reachable(url: str, *, seconds: float = _PATIENCE_SECONDS) -> bool:
    """Return whether the host of *url*, or the proxy that stands before it, accepts a connection within *seconds*."""
    host, port = _endpoint(url)
    found = threading.Event()

    def connect() -> None:
        try:
            with socket.create_connection((host, port), timeout=seconds):
                found.set()
        except OSError:
            pass

    # In a thread, because looking up a name takes no timeout, and half a minute where name servers do not answer.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(seconds)
    return found.is_set()


def is_cached_by_torch(url: str) -> bool:
    """Return whether the file at *url* is in the folder where ``torch.hub`` keeps downloads under their names."""
    from torch.hub import get_dir

    return Path(get_dir(), "checkpoints", Path(urllib.parse.urlsplit(url).path).name).is_file()


def _endpoint(url: str) -> tuple[str, int]:
    """Return the host and port that a download connects to."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    if proxy and not urllib.request.proxy_bypass(host):
        parts = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}")
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


def fit_kernel(weight_OIHW: Tensor, in_channels: int) -> Tensor:
    """Adapt a trained kernel to *in_channels*, keeping the scale of its output.

    For one channel, the kernels are summed, so that a grey image gives the same output as before when repeated over
    all channels. Otherwise, they are repeated in turn and scaled by the ratio of channels.

    Returns:
        The kernel, ``[O, in_channels, H, W]``.
    """
    old_channels = weight_OIHW.shape[1]
    if in_channels == old_channels:
        return weight_OIHW
    if in_channels == 1:
        return weight_OIHW.sum(dim=1, keepdim=True)
    indices = [channel % old_channels for channel in range(in_channels)]
    return weight_OIHW[:, indices] * (old_channels / in_channels)


def _is_of_network(error: BaseException) -> bool:
    # A name may include a version, such as httpx2.
    return type(error).__module__.split(".")[0].rstrip("0123456789") in _NETWORK_LIBRARIES


def _root_cause(error: BaseException) -> str:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]
