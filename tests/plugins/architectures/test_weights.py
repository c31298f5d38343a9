"""Published weights: adapted to other channels, and failures to load them reported in one sentence."""

from __future__ import annotations

import socket
import threading
import urllib.error
from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import conv2d

from plugins.architectures import weights
from plugins.architectures.weights import (
    check_reachable,
    downloading,
    fit_kernel,
    is_cached_by_torch,
    is_reachable,
)
from zoo.errors import PluginError, UnavailableWeightsError


def test_kernels_are_summed_for_grey_and_repeated_to_scale_for_more():
    kernel_OIHW = torch.arange(6.0).reshape(2, 3, 1, 1)
    assert fit_kernel(kernel_OIHW, 3) is kernel_OIHW
    assert fit_kernel(kernel_OIHW, 1).flatten().tolist() == [3, 12]
    assert fit_kernel(kernel_OIHW, 6)[0].flatten().tolist() == [0, 0.5, 1, 0, 0.5, 1]


@pytest.mark.parametrize("in_channels", [1, 3, 6])
def test_a_grey_image_repeated_over_all_channels_gives_the_same_output(in_channels):
    torch.manual_seed(0)
    kernel_OIHW, grey_BCHW = torch.randn(4, 3, 3, 3), torch.randn(2, 1, 8, 8)
    expected_BCHW = conv2d(grey_BCHW.expand(-1, 3, -1, -1), kernel_OIHW)
    fitted_BCHW = conv2d(grey_BCHW.expand(-1, in_channels, -1, -1), fit_kernel(kernel_OIHW, in_channels))
    torch.testing.assert_close(fitted_BCHW, expected_BCHW, rtol=1e-4, atol=1e-4)


def failing(error):
    with downloading("the weights", "copy them by hand"):
        raise error


def test_a_failure_of_the_network_names_its_first_cause_and_what_to_do():
    error = urllib.error.URLError(OSError(-2, "Name or service not known"))
    error.__cause__ = OSError(-2, "Name or service not known")
    with pytest.raises(PluginError) as caught:
        failing(error)
    assert str(caught.value) == "the weights cannot be loaded: Name or service not known; copy them by hand"


def test_any_other_error_passes_through():
    with pytest.raises(KeyError):
        failing(KeyError("fc.weight"))


@pytest.fixture
def listening(monkeypatch):
    """The port of a server on this machine, without proxies."""
    monkeypatch.setattr(weights.urllib.request, "getproxies", dict)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_host_is_reachable_if_it_accepts_connections(listening):
    assert is_reachable(f"http://127.0.0.1:{listening}/weights")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        assert not is_reachable(f"http://127.0.0.1:{silent.getsockname()[1]}/weights")
        with pytest.raises(ConnectionError, match="there is no connection to http://127"):
            check_reachable(f"http://127.0.0.1:{silent.getsockname()[1]}/weights")


def test_a_proxy_stands_for_the_hosts_behind_it(listening, monkeypatch):
    proxies = {"https": f"http://127.0.0.1:{listening}"}
    monkeypatch.setattr(weights.urllib.request, "getproxies", lambda: proxies)
    monkeypatch.setattr(weights.urllib.request, "proxy_bypass", lambda host: host == "inner.invalid")
    assert is_reachable("https://example.invalid/weights")
    assert not is_reachable("https://inner.invalid/weights")
    proxies["https"] = f"127.0.0.1:{listening}"
    assert is_reachable("https://example.invalid/weights")


def test_name_servers_that_do_not_answer_are_not_waited_for(listening, monkeypatch):
    asked, over = threading.Event(), threading.Event()

    def look_up(*arguments, **settings):
        asked.set()
        over.wait()
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        assert not is_reachable("https://example.invalid/weights", seconds=0.01)
        assert asked.wait(60)
    finally:
        over.set()


def test_files_that_torch_has_downloaded_are_found_by_their_name(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = "https://example.invalid/models/net-1234.pth?raw=1"
    assert not is_cached_by_torch(url)
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    (tmp_path / "hub/checkpoints/net-1234.pth").touch()
    assert is_cached_by_torch(url)


@pytest.mark.parametrize(
    "names", [("timm/resnet18", "timm/vit_tiny_patch16_224"), ("torchvision/resnet18", "torchvision/alexnet")]
)
def test_a_host_that_does_not_answer_is_asked_once_for_all_of_its_networks(names, catalog, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(weights, "is_reachable", asked.append)
    monkeypatch.setattr(weights, "_silent", {})
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    for name in names:
        network = catalog.architectures.get(name).record
        with pytest.raises(UnavailableWeightsError, match=f"weights of {name} .*cannot be loaded") as caught:
            network.check_weights(network.options)
        assert caught.value.cause.startswith("there is no connection to https://")
    assert len(asked) == 1


def test_a_silent_host_is_asked_again_after_a_while(monkeypatch):
    asked = []
    monkeypatch.setattr(weights, "is_reachable", asked.append)
    monkeypatch.setattr(weights, "_silent", {})
    now = iter([0.0, 1.0, 59.0, 100.0, 101.0, 120.0])
    monkeypatch.setattr(weights, "time", SimpleNamespace(monotonic=lambda: next(now)))
    for _ in range(4):  # at 0, 59, 100 and 120 seconds
        with pytest.raises(ConnectionError):
            check_reachable("https://silent.example/file")
    assert len(asked) == 2
