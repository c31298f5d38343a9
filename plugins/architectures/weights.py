"""Published weights: adapting them to other channels, and reporting why they are unavailable.

Shape suffixes: O output channels, I input channels, H height, W width of a kernel.
"""

from __future__ import annotations

import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from zoo.errors import UnavailableWeightsError

if TYPE_CHECKING:
    from torch import Tensor

_NETWORK_LIBRARIES = ("httpcore", "httpx", "huggingface_hub", "requests", "socket", "ssl", "urllib", "urllib3")


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


def is_reachable(url: str) -> bool:
    """Return whether the host of *url* can be resolved, or a proxy is configured; used to fail before long retries."""
    host = urllib.parse.urlsplit(url).hostname or ""
    scheme = urllib.parse.urlsplit(url).scheme
    proxies = urllib.request.getproxies()
    if proxies.get(scheme) or proxies.get("all"):
        return True
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True


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
