"""Steps: a recipe's own training step is the engine's step where it does the same, and its mistakes are told."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.faults.errors import TrialError
from harness.training.state import TrainingState
from zoo import Hyperparameters, Recipe


def plain_step(context: Any, images_BCHW: Tensor, targets: Tensor) -> Tensor:
    return context.loss(context.logits(images_BCHW), targets)


def with_step(step: Any, **parts: Any) -> Recipe:
    return Recipe(name="own", hyperparameters=Hyperparameters, training_step=step, **parts)


@pytest.mark.parametrize(
    "settings", [{}, {"accumulate_steps": 3, "clip_norm": 0.5}, {"ema_decay": 0.9, "mixup_alpha": 0.2}]
)
def test_the_plain_step_trains_what_the_engine_trains(settings, make_data, make_net, fit, equal):
    data = make_data()
    one, other = make_net(), make_net()
    _, expected = fit(data, one, epochs=3, class_weights="balanced", **settings)
    _, epochs = fit(data, other, epochs=3, class_weights="balanced", recipe=with_step(plain_step), **settings)
    assert equal(one, other)
    assert [each.train_loss for each in epochs] == [each.train_loss for each in expected]
    assert all(each.train_accuracy is None for each in epochs)


def test_a_step_that_goes_backward_itself_adds_the_same_gradients(make_data, make_net, fit, equal):
    def step(context: Any, images_BCHW: Tensor, targets: Tensor) -> Tensor:
        loss = context.loss(context.logits(images_BCHW), targets)
        context.backward(loss)
        return loss.detach()

    data = make_data()
    one, other = make_net(), make_net()
    fit(data, one, epochs=2, accumulate_steps=2)
    fit(data, other, epochs=2, accumulate_steps=2, recipe=with_step(step))
    assert equal(one, other)


def test_gradients_are_those_of_the_loss_and_are_not_added(make_data, make_net, fit):
    found = []

    def step(context: Any, images_BCHW: Tensor, targets: Tensor) -> Tensor:
        loss = context.loss(context.logits(images_BCHW), targets)
        mine = context.gradients(loss)
        assert all(each.grad is None for each in context.parameters())
        found.append((mine, context.parameters()))
        return context.loss(context.logits(images_BCHW), targets)

    fit(make_data(num_train=32), make_net(dropout=0.0), epochs=1, batch_size=32, recipe=with_step(step))
    ((mine, parameters),) = found
    assert any(each.any() for each in mine)
    for gradient, parameter in zip(mine, parameters, strict=True):
        assert torch.allclose(gradient, parameter.grad, atol=1e-6)


def test_counts_follow_the_training_and_the_cache_lasts(make_data, make_net, fit):
    seen = []

    def step(context: Any, images_BCHW: Tensor, targets: Tensor) -> Tensor:
        context.cache["calls"] = context.cache.get("calls", 0) + 1
        seen.append((context.epoch, context.step, context.epochs, context.steps_per_epoch, context.cache["calls"]))
        return plain_step(context, images_BCHW, targets)

    fit(make_data(num_train=64), make_net(), epochs=2, batch_size=32, recipe=with_step(step))
    assert seen == [(1, 0, 2, 2, 1), (1, 1, 2, 2, 2), (2, 2, 2, 2, 3), (2, 3, 2, 2, 4)]


def test_features_are_what_the_head_got(make_data, make_net, fit):
    def step(context: Any, images_BCHW: Tensor, targets: Tensor) -> Tensor:
        logits_BK, features_BD = context.embed(images_BCHW)
        from harness.networks.heads import find_head

        (head,) = find_head(context.model)
        assert torch.allclose(head(features_BD), logits_BK, atol=1e-6)
        assert not head._forward_pre_hooks
        return context.loss(logits_BK, targets)

    fit(make_data(num_train=32), make_net(), epochs=1, recipe=with_step(step))


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (lambda loss: None, "training_step returned NoneType, not a loss"),
        (lambda loss: loss.view(1), r"training_step returned a tensor \[1\], not a loss"),
        (lambda loss: loss.detach(), "returned a loss without gradients, and did not call backward"),
    ],
)
def test_a_step_that_returns_no_loss_is_told(returned, sentence, make_data, make_net, fit):
    recipe = with_step(lambda context, images, targets: returned(plain_step(context, images, targets)))
    with pytest.raises(TrialError, match=sentence):
        fit(make_data(), make_net(), epochs=1, recipe=recipe)


def test_gradients_of_ones_own_need_a_device_alone(make_data, make_net, fit):
    from harness.training.step import StepContext

    context = StepContext.__new__(StepContext)
    context._is_alone = False
    with pytest.raises(TrialError, match="leave out --gpus-per-trial"):
        context.gradients(torch.zeros((), requires_grad=True))


def test_an_epoch_starts_with_a_call_and_again_after_a_resume(make_data, make_net, fit, equal):
    def frozen_at_first(context: Any) -> None:
        for parameter in list(context.model.parameters())[:1]:
            parameter.requires_grad_(context.epoch > 2)

    recipe = Recipe(name="own", hyperparameters=Hyperparameters, on_epoch_start=frozen_at_first)
    data, states = make_data(), []
    whole, plain = make_net(), make_net()
    first = next(whole.parameters()).detach().clone()
    fit(data, whole, epochs=4, recipe=recipe, save=lambda state: states.append(state.to_bytes()))
    fit(data, plain, epochs=4)
    assert not equal(whole, plain)
    assert not torch.equal(next(whole.parameters()), first)
    for done in (1, 3):
        resumed = make_net()
        fit(data, resumed, epochs=4, recipe=recipe, state=TrainingState.from_bytes(states[done - 1]))
        assert equal(whole, resumed)


def test_an_optimizer_is_told_the_steps_of_an_epoch(make_data, make_net, fit):
    told = []

    def make(model: nn.Module, hp: Any, *, steps_per_epoch: int) -> torch.optim.Optimizer:
        told.append(steps_per_epoch)
        return torch.optim.SGD(model.parameters(), hp.lr)

    recipe = Recipe(name="own", hyperparameters=Hyperparameters, make_optimizer=make)
    fit(make_data(num_train=64), make_net(), epochs=1, batch_size=16, recipe=recipe)
    assert told == [4]


def test_an_augmentation_may_return_targets(make_data, make_net, fit):
    seen = []

    def augment(images_BCHW: Tensor, generator: torch.Generator, hp: Any, *, labels_B: Tensor, num_classes: int) -> Any:
        return images_BCHW, nn.functional.one_hot(labels_B.roll(1), num_classes).float()

    def step(context: Any, images_BCHW: Tensor, targets: Tensor) -> Tensor:
        seen.append(targets)
        return plain_step(context, images_BCHW, targets)

    data, net = make_data(), make_net()
    _, epochs = fit(data, net, epochs=1, recipe=with_step(step, augment=augment))
    assert all(each.ndim == 2 and torch.equal(each.sum(dim=1), torch.ones(len(each))) for each in seen)
    only = Recipe(name="own", hyperparameters=Hyperparameters, augment=augment)
    _, epochs = fit(data, make_net(), epochs=1, recipe=only)
    assert epochs[0].train_accuracy is None
    with pytest.raises(TrialError, match="which mixup and CutMix would replace"):
        fit(data, make_net(), epochs=1, recipe=only, mixup_alpha=0.2)
    wrong = Recipe(
        name="own", hyperparameters=Hyperparameters, augment=lambda images, g, hp: (images, images[:, 0, 0, 0])
    )
    with pytest.raises(TrialError, match="augment returned targets"):
        fit(data, make_net(), epochs=1, recipe=wrong)
