"""Published weights: adapted to other channels, and failures to load them reported in one sentence."""

from __future__ import annotations

import socket
import urllib.error

import pytest
import torch
from torch.nn.functional import conv2d

from plugins.architectures import weights
from plugins.architectures.weights import downloading, fit_kernel, is_reachable
from zoo.errors import PluginError


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


def test_a_host_is_reachable_if_it_has_an_address_or_a_proxy_is_set(monkeypatch):
    def no_address(*arguments, **settings):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(weights.urllib.request, "getproxies", dict)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: [])
    assert is_reachable("https://example.org/weights")
    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    assert not is_reachable("https://example.org/weights")
    monkeypatch.setattr(weights.urllib.request, "getproxies", lambda: {"https": "http://proxy:3128"})
    assert is_reachable("https://example.org/weights")
