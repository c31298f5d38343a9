"""Out of memory: only what is that counts, and a training goes on with fewer images at a time, as if so planned."""

from __future__ import annotations

import dataclasses
import errno
import math

import numpy as np
import pytest
import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.faults.errors import TrialError
from harness.faults.failures import classify
from harness.faults.out_of_memory import Halving, is_out_of_memory, least_images
from harness.records.record import FailureKind
from harness.training.evaluation import predict_logits
from harness.training.state import TrainingState
from zoo import Hyperparameters, Recipe

CPU = torch.device("cpu")
PLAIN = Recipe(name="plain", hyperparameters=Hyperparameters)
REFUSED = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")


class Greedy(nn.Module):
    """A network with no memory for more than *fits* images; it notices only when its forward pass is done."""

    def __init__(self, net: nn.Module, *, fits: float, error: Exception = REFUSED, in_eval: bool = False) -> None:
        super().__init__()
        self.net, self.fits, self.error, self.in_eval = net, fits, error, in_eval
        self.asked: list[int] = []

    def forward(self, images_BCHW):
        logits_BK = self.net(images_BCHW)
        if self.training or self.in_eval:
            np.random.random()
            self.asked.append(len(images_BCHW))
            if len(images_BCHW) > self.fits:
                raise self.error
        return logits_BK


class RefusedInBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits_BK, fits):
        ctx.fits = fits
        return logits_BK.clone()

    @staticmethod
    def backward(ctx, grad_BK):
        if len(grad_BK) > ctx.fits:
            raise REFUSED
        return grad_BK, None


def linear() -> nn.Module:
    """A network without batch normalisation."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 4))


def refused_by_the_cpu() -> Exception:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    return caught.value


def refused_by_numpy() -> Exception:
    with pytest.raises(MemoryError) as caught:
        np.empty(10**17)
    return caught.value


@pytest.mark.parametrize("make", [lambda: REFUSED, MemoryError, refused_by_the_cpu, refused_by_numpy])
def test_errors_of_allocators_count_as_out_of_memory(make):
    error = make()
    assert is_out_of_memory(error)
    assert classify(error, "train").kind is FailureKind.OOM


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "GET was unable to find an engine to execute this computation",
        "FIND was unable to find an engine to execute this computation",
        "Unable to find a valid cuDNN algorithm to run convolution",
        "NCCL error in: NCCLUtils.cpp:94, unhandled cuda error\nLast error:\nCuda failure 2 'out of memory'",
        "ncclUnhandledCudaError: Call to CUDA function failed.\nLast error:\nFailed to CUDA calloc async 608 bytes",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
    ],
)
def test_libraries_on_a_gpu_have_words_of_their_own_for_it(said):
    assert is_out_of_memory(RuntimeError(said))
    assert not is_out_of_memory(ValueError(said))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDNN_STATUS_NOT_SUPPORTED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED"),
        RuntimeError("NCCL error: unhandled cuda error\nCuda failure 1 'invalid argument'"),
        RuntimeError("the plugin ran out of memory of what it wanted"),
        ValueError("DefaultCPUAllocator: can't allocate memory"),
        OSError(errno.ENOSPC, "No space left on device"),
        KeyboardInterrupt(),
    ],
)
def test_nothing_else_is_out_of_memory(error):
    """accelerate#335: errors of other kinds were taken for it."""
    assert not is_out_of_memory(error)


def test_half_as_many_images_at_a_time_train_as_if_accumulation_had_been_asked_for(make_data, make_net, fit, equal):
    """Inputs, dropout's draws and running statistics are those of a run that never failed, bit for bit."""
    data = make_data()
    settings = {"crop_padding": 0.125, "mixup_alpha": 0.2, "ema_decay": 0.9}
    halved, planned = Greedy(make_net(), fits=8), Greedy(make_net(), fits=math.inf)
    result, epochs = fit(data, halved, **settings)
    expected, expected_epochs = fit(data, planned, accumulate_steps=2, **settings)
    assert equal(halved, planned)
    assert halved.asked == [16, *planned.asked]
    assert [epoch.train_loss for epoch in epochs] == [epoch.train_loss for epoch in expected_epochs]
    assert (result.micro_batch_size, result.planned_micro_batch_size) == (8, 16)
    assert (expected.micro_batch_size, expected.planned_micro_batch_size) == (8, 8)


def test_without_batch_normalisation_the_result_is_that_of_the_whole_batch(make_data, fit):
    data = make_data(num_train=50)
    halved, whole = Greedy(linear(), fits=3), linear()
    (result, _), (expected, _) = fit(data, halved), fit(data, whole)
    assert result.micro_batch_size == 2
    assert result.final_train_loss == pytest.approx(expected.final_train_loss, rel=1e-5)
    for mine, theirs in zip(halved.net.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


def test_it_is_halved_as_often_as_needed_and_stays_so(make_data, fit):
    net = Greedy(linear(), fits=4)
    fit(make_data(num_train=32), net, epochs=2)
    assert net.asked == [16, 8, *[4] * 16]


def test_requested_accumulation_is_halved_further(make_data, fit):
    net = Greedy(linear(), fits=4)
    result, _ = fit(make_data(num_train=16), net, epochs=1, accumulate_steps=2)
    assert net.asked == [8, 4, 4, 4, 4]
    assert (result.micro_batch_size, result.planned_micro_batch_size) == (4, 8)


def test_memory_may_run_out_in_the_backward_pass_and_in_the_middle_of_a_training(make_data, make_net, fit, weights):
    class Late(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.steps = make_net(), 0

        def forward(self, images_BCHW):
            self.steps += self.training
            return RefusedInBackward.apply(self.net(images_BCHW), 8 if self.steps > 3 else 16)

    net = Late()
    result, _ = fit(make_data(num_train=64), net, epochs=1)
    assert net.steps == 3 + 1 + 2
    assert result.micro_batch_size == 8
    # Three whole batches and two halves: what the refused pass took in was taken out again.
    assert weights(net)["net.norm.num_batches_tracked"] == 5


def test_one_image_at_a_time_is_the_least_and_then_it_is_over(make_data, fit):
    """accelerate#1934: halving went on at 0."""
    net = Greedy(linear(), fits=0)
    with pytest.raises(TrialError, match="out of memory even with 1 image at a time: CUDA out of memory") as caught:
        fit(make_data(), net)
    assert caught.value.kind is FailureKind.OOM
    assert net.asked == [16, 8, 4, 2, 1]


def test_one_image_at_a_time_still_trains(make_data, fit):
    result, _ = fit(make_data(), Greedy(linear(), fits=1))
    assert (result.epochs_run, result.micro_batch_size) == (2, 1)


def test_batch_normalisation_gets_at_least_two_images(make_data, make_net, fit):
    net = Greedy(make_net(), fits=1)
    with pytest.raises(TrialError, match="even with 2 images at a time"):
        fit(make_data(), net)
    assert net.asked == [16, 8, 4, 2]
    assert (least_images(net), least_images(linear())) == (2, 1)


@pytest.mark.parametrize("num_train", [3, 5, 17])
def test_odd_batches_end_as_well(make_data, make_net, fit, num_train):
    """accelerate#1934: three images cannot be halved where none may stand alone."""
    net = Greedy(make_net(), fits=1)
    with pytest.raises(TrialError, match=r"even with [23] images at a time"):
        fit(make_data(num_train=num_train), net)
    assert len(net.asked) < 8


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), ValueError("out of memory")])
def test_an_error_of_another_kind_passes_through_at_once(make_data, make_net, fit, error):
    """accelerate#335: it was swallowed, and the batch halved for nothing."""
    net = Greedy(make_net(), fits=0, error=error)
    with pytest.raises(type(error)) as caught:
        fit(make_data(), net)
    assert caught.value is error
    assert net.asked == [16]


def test_an_augmentation_without_memory_is_not_tried_again(make_data, make_net, fit):
    """It takes whole batches, so that fewer images at a time are of no help."""
    calls = []

    def augment(images_BCHW, generator, hp):
        calls.append(len(images_BCHW))
        raise MemoryError

    net = Greedy(make_net(), fits=16)
    with pytest.raises(MemoryError) as caught:
        fit(make_data(), net, recipe=dataclasses.replace(PLAIN, augment=augment))
    assert (calls, net.asked) == ([16], [])
    assert classify(caught.value, "train").kind is FailureKind.OOM


def test_a_resumed_training_keeps_its_halves(make_data, make_net, fit, equal):
    data, states = make_data(), []
    whole = Greedy(make_net(), fits=4)
    result, _ = fit(data, whole, epochs=3, save=lambda state: states.append(state.to_bytes()))
    for done, content in enumerate(states, start=1):
        resumed = Greedy(make_net(seed=9), fits=16)  # there is memory again, which changes nothing
        later, _ = fit(data, resumed, epochs=3, state=TrainingState.from_bytes(content))
        assert equal(whole, resumed)
        assert resumed.asked == [4] * 16 * (3 - done)
        assert later.micro_batch_size == result.micro_batch_size == 4


def test_a_state_of_before_halving_was_kept_goes_on(make_data, make_net, fit):
    states = []
    fit(make_data(), make_net(), save=lambda state: states.append(state.to_bytes()))
    state = TrainingState.from_bytes(states[0])
    del state.tree["at_most"]
    result, _ = fit(make_data(), make_net(), state=state)
    assert result.micro_batch_size == 16


def test_predictions_are_the_same_however_few_images_fit(make_data, make_net):
    data = make_data(num_val=30)
    expected_NK = predict_logits(make_net(), data.load("val"), ForwardSettings(device=CPU, normalization=data))
    net = Greedy(make_net(), fits=4, in_eval=True)
    logits_NK = predict_logits(net, data.load("val"), ForwardSettings(device=CPU, normalization=data), batch_size=16)
    torch.testing.assert_close(logits_NK, expected_NK)
    assert net.asked == [16, 8, 4, 4, 4, 4, 4, 4, 4, 2]


def test_predictions_need_memory_for_one_image(make_data, make_net):
    net = Greedy(make_net(), fits=0, in_eval=True)
    data = make_data()
    with pytest.raises(TrialError, match="even with 1 image at a time") as caught:
        predict_logits(net, data.load("val"), ForwardSettings(device=CPU, normalization=data), batch_size=4)
    assert caught.value.kind is FailureKind.OOM
    assert net.asked == [4, 2, 1]


def test_work_is_done_with_the_most_images_that_fit():
    def work(images: int) -> int:
        if images > 7:
            raise MemoryError
        return images

    assert Halving(CPU, at_most=100).until_it_fits(work) == 6
