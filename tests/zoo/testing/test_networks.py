"""Networks under test: the size at which they are built, and what counts as logits."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zoo.testing import CheckFailedError, Subject
from zoo.testing.networks import logits_of, ready, require_close, require_finite

from .kinds.nets import Net, right


@pytest.mark.parametrize(("fields", "size"), [({}, 16), ({"native_size": 224}, 16), ({"min_size": 12}, 16)])
def test_a_network_is_built_at_the_smallest_size_that_it_takes(fields: dict[str, int], size: int) -> None:
    model, images_BCHW = ready(Subject(record=right(**fields)))
    assert model.training
    assert list(images_BCHW.shape) == [4, 3, size, size]


def test_a_size_at_which_a_network_fails_is_passed_over() -> None:
    record = right(lambda request: nn.Sequential(nn.MaxPool2d(32), Net(request)), native_size=96)
    assert ready(Subject(record=record))[1].shape[2] == 32


@pytest.mark.parametrize("output", [torch.zeros(4), torch.zeros(4, 3, dtype=torch.int64), "logits"])
def test_outputs_that_are_not_logits_are_rejected(output: object) -> None:
    model = nn.Identity()
    model.forward = lambda images_BCHW: output  # type: ignore[assignment]
    with pytest.raises(CheckFailedError, match="in train mode it returns"):
        logits_of(model, torch.zeros(4, 3, 8, 8))


def test_logits_that_differ_or_are_not_finite_are_refused() -> None:
    with pytest.raises(CheckFailedError, match=r"twice: logits differ by 0\.5"):
        require_close(torch.ones(2, 2), torch.ones(2, 2) * 0.5, "twice")
    with pytest.raises(CheckFailedError, match="logits are not finite"):
        require_finite(nn.Identity(), torch.tensor([[float("nan")]]))
