"""The small networks: declared with a source, and each built for what is asked."""

from __future__ import annotations

import pytest
import torch

from plugins.architectures import small_cnns
from zoo.errors import UsageError

NETWORKS = {each.name: each for each in small_cnns.zoo_architectures()}


def test_these_are_the_networks_each_with_summary_and_source():
    assert list(NETWORKS) == ["linear", "lenet5", "simple_cnn", "vgg_small"]
    assert all(each.summary and each.source and each.exportable for each in NETWORKS.values())


def test_linear_is_one_linear_map_of_the_pixels(build):
    model = build("linear", in_channels=1, image_size=8).eval()
    one_BCHW, two_BCHW = torch.randn(2, 1, 1, 8, 8).unbind()
    with torch.no_grad():
        zero_BK = model(torch.zeros(1, 1, 8, 8))
        torch.testing.assert_close(model(one_BCHW + two_BCHW) + zero_BK, model(one_BCHW) + model(two_BCHW))


@pytest.mark.parametrize("options", [{"drop_rate": 1.0}, {"drop_rate": -0.1}, {"width": 0}, {"width": 2.5}])
def test_an_option_out_of_range_is_one_sentence(build, options):
    with pytest.raises(UsageError, match=rf"model\.{next(iter(options))} must be .*, got "):
        build("vgg_small", **options)
