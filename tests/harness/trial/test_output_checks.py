"""A network that is random in evaluation, or mixes the images of a batch, has no accuracy and gets none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import PreparedData, TrialImages
from harness.faults.errors import TrialError
from harness.records.record import FailureKind
from harness.training.evaluation import predict_logits
from harness.trial.output_checks import check_outputs

MakeData = Callable[..., PreparedData]


class Net(nn.Module):
    """A linear classifier with something after it."""

    def __init__(self, after: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.norm, self.after = nn.Linear(3 * 8 * 8, 4), nn.BatchNorm1d(4), after

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self.after(self, self.linear(images_BCHW.flatten(1)))


@pytest.fixture
def check(make_data: MakeData) -> Callable[[Callable[[nn.Module, Tensor], Tensor]], tuple[str, ...]]:
    def run(after: Callable[[nn.Module, Tensor], Tensor]) -> tuple[str, ...]:
        prepared = make_data()
        images = TrialImages(prepared)
        images.end_training()
        test = images.open_test()
        settings = ForwardSettings(device=torch.device("cpu"), normalization=prepared)
        net = Net(after)
        return check_outputs(net, test, settings, predict_logits(net, test, settings))

    return run


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (lambda net, y: functional.dropout(y), "random in evaluation"),
        (lambda net, y: y + torch.rand_like(y), "random in evaluation"),
        (lambda net, y: y - y.mean(dim=0), "mixes the images of a batch"),
        (lambda net, y: functional.batch_norm(y, None, None, training=True) if len(y) > 1 else y, "mixes the images"),
        (lambda net, y: functional.batch_norm(y, None, None, training=True), "fails for an image by itself.*running"),
        (lambda net, y: y + y.roll(1, dims=0), "mixes the images of a batch"),
        (lambda net, y: y + y[:1], "mixes the images of a batch"),
        (lambda net, y: y + y[-1:], "mixes the images of a batch"),
    ],
)
def test_such_a_network_fails_with_the_reason(check, after, reason) -> None:
    with pytest.raises(TrialError, match=reason) as caught:
        check(after)
    assert caught.value.kind is FailureKind.PLUGIN


@pytest.mark.parametrize(
    "after",
    [
        lambda net, y: y,
        lambda net, y: functional.dropout(y, training=net.training),
        lambda net, y: net.norm(y),
        lambda net, y: torch.zeros_like(y),
        lambda net, y: functional.log_softmax(y, dim=1),
        lambda net, y: y.clamp(0, 1),
    ],
)
def test_an_ordinary_network_passes_without_a_note(check, after) -> None:
    assert check(after) == ()


def test_a_network_that_ends_in_softmax_gets_a_note(check) -> None:
    (note,) = check(lambda net, y: y.softmax(dim=1))
    assert "seems to end in a softmax" in note


def test_logits_that_lie_between_0_and_1_by_chance_get_no_note(check) -> None:
    """As those of a network after one epoch on photographs of two classes."""
    assert check(lambda net, y: 0.3 + 0.4 * y.sigmoid()) == ()


def test_a_network_that_ends_in_a_sigmoid_gets_a_note_with_what_it_costs(check) -> None:
    """Users ask why cross-entropy stays near 0.74 with four classes (pytorch's forum): 1 / (1 + 3 / e) is 0.48."""
    (note,) = check(lambda net, y: (8 * y).sigmoid())
    assert "seems to end in a sigmoid" in note
    assert "then gives no class a probability above 48%; leave out the sigmoid" in note
