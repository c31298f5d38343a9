"""Parameters and multiply-accumulates, held against sums done by hand and against timm's published tables."""

from __future__ import annotations

import subprocess
import sys

import pytest
import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from harness.networks.complexity import count_macs, count_parameters, meta_copy

# model: (image side, millions of parameters, billions of multiply-accumulates), as published in
# https://github.com/huggingface/pytorch-image-models/blob/main/results/benchmark-infer-amp-nchw-pt240-cu124-rtx3090.csv
PUBLISHED = {
    "resnet18": (224, 11.69, 1.82),
    "resnet50": (224, 25.56, 4.11),
    "efficientnet_b0": (224, 5.29, 0.40),
    "mobilenetv3_large_100": (224, 5.48, 0.23),
    "regnety_016": (224, 11.20, 1.63),
    "densenet121": (224, 7.98, 2.87),
    "convnext_tiny": (224, 28.59, 4.47),
    "vgg16": (224, 138.36, 15.47),
    "inception_v3": (299, 23.83, 5.73),
    "vit_base_patch16_224": (224, 86.57, 17.58),
    "swin_tiny_patch4_window7_224": (224, 28.29, 4.51),
    "mixer_b16_224": (224, 59.88, 12.62),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_agree_with_timms_published_tables(name):
    """The tables count normalisation and pooling too, so ours are lower, by at most 2 % or 0.02 billion.

    Without attention, ViT-B/16 would be 0.7 billion lower, which this would notice.
    """
    size, millions, billions = PUBLISHED[name]
    with torch.device("meta"):
        model = timm.create_model(name)
    total, trainable = count_parameters(model)
    assert total == trainable
    assert round(total / 1e6, 2) == millions
    macs = count_macs(model, (3, size, size))
    assert macs is not None
    assert -0.005 <= billions - macs / 1e9 <= max(0.02, 0.02 * billions)


def test_a_convolution_and_a_linear_layer_count_as_by_hand():
    model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 5 * 5, 7))
    assert count_macs(model, (3, 10, 10)) == 5 * 5 * 8 * 3 * 9 + 200 * 7
    assert count_parameters(model) == (8 * 28 + 7 * 201, 8 * 28 + 7 * 201)


def test_grouped_convolutions_count_their_own_channels_only():
    assert count_macs(nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), (8, 4, 4)) == 4 * 4 * 8 * 9


def test_scaled_dot_product_attention_is_counted():
    class Attention(nn.Module):
        def forward(self, x_BCHW):
            q_BCSD = x_BCHW.flatten(2)[:, None].transpose(2, 3)  # one head, S = H·W tokens of C numbers
            return nn.functional.scaled_dot_product_attention(q_BCSD, q_BCSD, q_BCSD)

    tokens, width = 6 * 6, 16
    assert count_macs(Attention(), (16, 6, 6)) == 2 * tokens * tokens * width


def test_frozen_parameters_are_not_trainable_and_shared_ones_count_once():
    shared = nn.Linear(4, 4, bias=False)
    model = nn.Sequential(shared, shared, nn.Linear(4, 2, bias=False))
    shared.weight.requires_grad_(False)
    assert count_parameters(model) == (16 + 8, 8)


def test_counting_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(4 * 36, 2))
    model[2].eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    assert count_macs(model, (3, 8, 8)) == 36 * 4 * 27 + 144 * 2
    assert [module.training for module in model] == [True, True, False, True, True]
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert torch.equal(state, torch.random.get_rng_state())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_function_that_builds_is_counted_without_drawing_random_numbers():
    state = torch.random.get_rng_state()
    assert count_macs(lambda: nn.Linear(6, 5), (1, 4, 6)) == 4 * 6 * 5
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_network_that_needs_values_is_counted_on_its_own_device():
    class NeedsValues(nn.Linear):
        def forward(self, x_BCHW):
            return super().forward(x_BCHW) * float(self.weight.sum())

    model = NeedsValues(6, 5)
    assert count_macs(model, (1, 1, 6)) == 30
    assert model.training


def test_a_network_that_fails_has_no_count():
    assert count_macs(nn.Linear(6, 5), (1, 4, 7)) is None


def test_a_meta_copy_shares_nothing_with_the_model_and_holds_no_weights():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    model[0].weight.requires_grad_(False)
    copied = meta_copy(model)
    tensors = [*copied.parameters(), *copied.buffers()]
    assert all(tensor.is_meta for tensor in tensors)
    assert not any(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])
    assert [each.requires_grad for each in copied.parameters()] == [False, True, True, True]
    copied[0].stride = (2, 2)
    assert model[0].stride == (1, 1)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(24, 6, batch_first=True)

    def forward(self, x_BCHW):
        return self.lstm(x_BCHW.flatten(2).unflatten(2, (8, 8)).permute(0, 2, 1, 3).flatten(2))[0][:, -1]


ATTENDING = nn.Sequential(
    nn.Conv2d(3, 8, 3, groups=1),
    nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(2)),
    nn.Linear(9, 8),
    nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True),
    nn.Sequential(nn.LayerNorm(8), nn.GELU(), nn.Flatten(), nn.Linear(64, 5)),
)


@pytest.mark.parametrize("model", [ATTENDING, Recurrent()], ids=["attending", "recurrent"])
def test_a_copy_on_the_cpu_and_the_meta_device_give_torchs_own_count(model, monkeypatch):
    meta = meta_copy(model).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        meta(torch.zeros(1, 3, 8, 8, device="meta"))
    expected = counter.get_total_flops() // 2
    assert expected > 1000
    assert count_macs(model, (3, 8, 8)) == expected
    monkeypatch.delitem(sys.modules, "torch._dynamo", raising=False)
    assert count_macs(model, (3, 8, 8)) == expected
    assert torch.backends.mkldnn.enabled
    assert torch.backends.mha.get_fastpath_enabled()


WITHOUT_COMPILER = """
import sys, torch
from torch import nn
from harness.networks.complexity import count_macs
from harness.training.optimizers import make_optimizer
from zoo import Hyperparameters
model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.GELU(), nn.Flatten(), nn.Linear(4 * 36, 2))
assert count_macs(model, (3, 8, 8)) == 36 * 4 * 27 + 144 * 2
for rule in ("sgd", "adam", "adamw", "rmsprop"):
    optimizer = make_optimizer(model, Hyperparameters(optimizer=rule))
    model(torch.ones(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    optimizer.load_state_dict(optimizer.state_dict())
assert "torch._dynamo" not in sys.modules
"""


def test_counting_and_training_do_not_import_the_compiler():
    subprocess.run([sys.executable, "-c", WITHOUT_COMPILER], check=True)
