"""Evaluation: logits in order, ties at their expected value, modes as before."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.batches.normalization import Normalization
from harness.data.images import ImageSet
from harness.faults.errors import TrialError
from harness.records.record import FailureKind
from harness.training.evaluation import Evaluation, evaluate, predict_batch, predict_logits

CPU = torch.device("cpu")


def evaluation_of(logits_NK: torch.Tensor, labels_N: torch.Tensor) -> Evaluation:
    """Evaluate a network that returns these logits."""
    images = ImageSet(
        images_NHWC=np.zeros((len(labels_N), 2, 2, 3), dtype=np.uint8),
        labels_N=labels_N.numpy(),
        samples_N=np.arange(len(labels_N), dtype=np.uint64),
    )
    settings = ForwardSettings(device=CPU, normalization=Normalization(mean=(0.5,) * 3, std=(0.25,) * 3))
    return evaluate(nn.Identity(), images, settings, predict=lambda model, images_BCHW: logits_NK)


def test_a_constant_model_scores_at_chance():
    """A constant scorer got a perfect score by tie order elsewhere (mteb#5092)."""
    result = evaluation_of(torch.zeros(100, 4), torch.zeros(100, dtype=torch.int64))
    assert result.accuracy == 0.25
    assert result.loss == pytest.approx(math.log(4))


def test_accuracy_counts_the_highest_logit():
    logits_NK = torch.tensor([[2.0, 1.0], [2.0, 1.0], [0.0, 3.0], [1.0, 1.0]])
    assert evaluation_of(logits_NK, torch.tensor([0, 1, 1, 0])).accuracy == (1 + 0 + 1 + 0.5) / 4


@pytest.mark.parametrize("batch_size", [1, 7, 32, None])
def test_logits_come_in_the_order_of_the_images_whatever_the_batch(make_data, make_net, batch_size):
    data = make_data(num_val=32)
    net = make_net()
    logits_NK = predict_logits(
        net, data.load("val"), ForwardSettings(device=CPU, normalization=data), batch_size=batch_size
    )
    pixels = torch.from_numpy(data.load("val").images_NHWC.copy()).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        expected = net.eval()((pixels / 255 - 0.5) / 0.25)
    torch.testing.assert_close(logits_NK, expected, rtol=1e-4, atol=1e-5)
    assert logits_NK.dtype == torch.float32
    assert not logits_NK.is_inference()


def test_every_module_is_in_the_mode_it_was_in(make_data, make_net):
    data = make_data()
    net = make_net()
    net.norm.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    evaluate(net, data.load("val"), ForwardSettings(device=CPU, normalization=data))
    assert [net.training, net.conv.training, net.norm.training] == [True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_low_precision_is_close_and_comes_back_as_float32(make_data, make_net, precision):
    data = make_data()
    net = make_net()
    exact = predict_logits(net, data.load("val"), ForwardSettings(device=CPU, normalization=data))
    close = predict_logits(net, data.load("val"), ForwardSettings(device=CPU, normalization=data, precision=precision))
    assert close.dtype == torch.float32
    torch.testing.assert_close(close, exact, rtol=0.1, atol=0.05)
    assert not torch.equal(close, exact)


def test_a_recipes_predict_takes_the_models_place(make_data, make_net):
    data = make_data()
    logits_NK = predict_logits(
        make_net(),
        data.load("val"),
        ForwardSettings(device=CPU, normalization=data),
        predict=lambda net, images: -net(images),
    )
    plain_NK = predict_logits(make_net(), data.load("val"), ForwardSettings(device=CPU, normalization=data))
    assert torch.equal(logits_NK, -plain_NK)


def test_logits_that_are_not_finite_are_diverged(make_data, make_net):
    data = make_data()
    net = make_net()
    nn.init.constant_(net.head.bias, math.nan)
    with pytest.raises(TrialError, match=r"logits of 32 of 32 images are not finite: 1 tensor .*head\.bias") as caught:
        predict_logits(net, data.load("val"), ForwardSettings(device=CPU, normalization=data))
    assert caught.value.kind is FailureKind.DIVERGED


def test_the_wrong_number_of_classes_is_the_plugins_fault(make_data, make_net):
    data = make_data()
    with pytest.raises(TrialError, match=r"\[32, 4\], not floating-point logits \[32, 5\]") as caught:
        predict_logits(make_net(), data.load("val"), ForwardSettings(device=CPU, normalization=data), num_classes=5)
    assert caught.value.kind is FailureKind.PLUGIN


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_batch_on_the_host_gets_the_logits_of_a_split_bit_for_bit(make_data, make_net, channels_last):
    data, net = make_data(num_val=21), make_net()
    images = data.load("val")
    settings = ForwardSettings(device=CPU, normalization=data, channels_last=channels_last)
    settings.place(net)
    net.train()
    expected_NK = predict_logits(net, images, settings, batch_size=8)
    images_NHWC = torch.from_numpy(np.array(images.images_NHWC))
    logits_NK = predict_batch(net, images_NHWC, settings, settings.normalizer(), batch_size=8, num_classes=4)
    assert torch.equal(logits_NK, expected_NK)
    assert net.training
    assert not logits_NK.is_inference()


def test_a_batch_on_the_host_that_does_not_fit_is_halved_and_bad_logits_are_refused(make_data, make_net):
    data, net = make_data(), make_net()
    settings = ForwardSettings(device=CPU, normalization=data)
    images_NHWC = torch.zeros(7, 8, 8, 3, dtype=torch.uint8)
    asked = []

    def predict(model, images_BCHW):
        asked.append(len(images_BCHW))
        if len(images_BCHW) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return model(images_BCHW)

    logits_NK = predict_batch(net, images_NHWC, settings, settings.normalizer(), batch_size=32, predict=predict)
    assert (logits_NK.shape, asked) == ((7, 4), [7, 3, 3, 1])
    with pytest.raises(TrialError, match="not floating-point logits"):
        predict_batch(net, images_NHWC, settings, settings.normalizer(), batch_size=32, num_classes=9)
    with pytest.raises(TrialError, match="the logits of 7 of 7 images are not finite") as caught:
        predict_batch(
            net,
            images_NHWC,
            settings,
            settings.normalizer(),
            batch_size=32,
            predict=lambda model, images_BCHW: model(images_BCHW) * math.nan,
        )
    assert caught.value.kind is FailureKind.DIVERGED
