"""Checks of recipes, with the kit's own network and images. Each is in the table of :mod:`zoo.testing.checks`.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import json
import math
import random
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings
from harness.training.evaluation import predict_logits
from harness.training.loop import EpochResult, TrainingHooks, train
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.schedules import lr_factor
from harness.training.state import TrainingState
from harness.training.step import StepContext
from zoo.calling.signatures import accepted
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.global_state import require_no_side_effects
from zoo.testing.networks import fitted_head
from zoo.testing.samples import NUM_CLASSES, noise, sample_features, sample_images, sample_net
from zoo.testing.subjects import Subject

_CPU = torch.device("cpu")
_STEPS_PER_EPOCH = 50
_MOST_EPOCHS = 60
"""Number of epochs with 64 images, since the epochs of recipes are chosen for thousands of images."""

_SAME_IMAGES, _BATCHES = 16, 12
"""Number of equal images per batch, and of batches: a change to 5 % of the images shows in at least one batch."""


class _Learnt(Exception):
    """The network has memorised its images; no more epochs are needed."""


def hyperparameters_serialise(subject: Subject[Recipe]) -> None:
    hp = _hyperparameters(subject)
    try:
        text = json.dumps(hp.model_dump(mode="json"), allow_nan=False)
    except (ValueError, TypeError) as error:
        raise CheckFailedError(f"they cannot be written as JSON: {error}") from error
    read = _hyperparameters(subject).with_overrides(json.loads(text), owner=subject.name)
    for name in type(hp).model_fields:
        if getattr(read, name) != getattr(hp, name):
            raise CheckFailedError(f"{name} is {getattr(hp, name)!r}, and {getattr(read, name)!r} after JSON")


def fits_64_images(subject: Subject[Recipe]) -> None:
    if subject.record.fit_head is not None:
        _fit_features(subject)
        return
    hp = _hyperparameters(subject).with_overrides({"epochs": _MOST_EPOCHS, "batch_size": 16}, owner=subject.name)
    reached: list[float] = []

    def look(result: EpochResult) -> None:
        reached.append(result.val_accuracy)
        if result.val_accuracy >= 0.95:
            raise _Learnt

    with sample_images() as images, suppress(_Learnt):
        _train(subject, images, hp, sample_net(0), hooks=TrainingHooks(emit=look))
    if max(reached, default=0.0) < 0.95:
        raise CheckFailedError(
            f"after {len(reached)} epochs on 64 easy images the network knows {max(reached, default=0.0):.0%} of them, "
            "not 95%"
        )


def resume_equals_uninterrupted(subject: Subject[Recipe]) -> None:
    _require_training(subject)
    hp = _hyperparameters(subject).with_overrides(
        {"epochs": 4, "batch_size": 16, "early_stopping_patience": 0}, owner=subject.name
    )
    with sample_images(num_val=32) as images:
        states: list[bytes] = []
        whole = sample_net(0)
        keep = TrainingHooks(save=lambda state: states.append(state.to_bytes()))
        _train(subject, images, hp, whole, hooks=keep)
        for done in (1, 3):
            resumed = sample_net(99)
            _train(subject, images, hp, resumed, state=TrainingState.from_bytes(states[done - 1]))
            own, other = whole.state_dict(), resumed.state_dict()
            differing = [name for name, value in own.items() if not torch.equal(value, other[name])]
            if differing:
                raise CheckFailedError(
                    f"stopped after epoch {done} of 4 and resumed, it ends with other weights in "
                    f"{', '.join(differing[:3])}: it depends on something that is neither in its hyperparameters, nor "
                    "in the network or optimizer, nor drawn from the generators it is given"
                )


def schedule_ends_where_it_says(subject: Subject[Recipe]) -> None:
    _require_training(subject)
    hp = _hyperparameters(subject)
    custom = subject.record.lr_factor
    total = hp.epochs * _STEPS_PER_EPOCH
    factors = [lr_factor(step, hp, steps_per_epoch=_STEPS_PER_EPOCH, custom=custom) for step in range(total)]
    again = [lr_factor(step, hp, steps_per_epoch=_STEPS_PER_EPOCH, custom=custom) for step in reversed(range(total))]
    if factors != again[::-1]:
        raise CheckFailedError("lr_factor is not a function of progress alone: called again, it gives other factors")
    if not all(math.isfinite(factor) and factor >= 0 for factor in factors):
        raise CheckFailedError("learning rates must be finite and not negative")
    highest = max(factors)
    if not 0.98 <= highest <= 1 + 1e-9:
        raise CheckFailedError(f"lr is {hp.lr:g} at its highest, but the schedule reaches {highest:.3g} times that")
    if custom is not None:
        return
    # What the hyperparameters promise at the end, computed from their definitions and not by the engine.
    if hp.schedule in ("cosine", "onecycle") and abs(factors[-1] - hp.final_lr_scale) > 0.01:
        raise CheckFailedError(f"the last factor is {factors[-1]:.3g}, but final_lr_scale is {hp.final_lr_scale:g}")
    if hp.schedule == "step":
        drops = (hp.epochs - 1) // hp.step_epochs
        if not drops:
            raise CheckFailedError(
                f"the first drop would come after {hp.step_epochs} epochs, but there are only {hp.epochs}"
            )
        if not math.isclose(factors[-1], hp.gamma**drops):
            raise CheckFailedError(f"the last factor is {factors[-1]:.3g}, not {hp.gamma:g} to the power of {drops}")
    if hp.schedule == "plateau" and hp.plateau_patience >= hp.epochs - 1:
        raise CheckFailedError(f"a patience of {hp.plateau_patience} epochs never ends within {hp.epochs}")
    if hp.schedule == "constant" and not math.isclose(factors[-1], 1.0):
        raise CheckFailedError(f"a constant schedule ends at {factors[-1]:.3g}")


def augmentation_draws_from_its_generator(subject: Subject[Recipe]) -> None:
    if subject.record.augment is None:
        raise NotApplicableError("it has no augmentation function")
    hp = _hyperparameters(subject)
    images_BCHW = (noise(8, 3, 16) * 40 + 128).clamp(0, 255).to(torch.uint8)
    outputs = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        output = _augmented(subject, images_BCHW.clone(), torch.Generator().manual_seed(0), hp)
        if not isinstance(output, Tensor) or output.dtype != torch.uint8 or output.shape != images_BCHW.shape:
            given = f"{output.dtype} {list(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
            raise CheckFailedError(f"it turns uint8 {list(images_BCHW.shape)} into {given}")
        outputs.append(output)
    if not torch.equal(*outputs):
        raise CheckFailedError("the same generator gives different images: it draws from another one")


def augmentation_draws_for_each_image(subject: Subject[Recipe]) -> None:
    if subject.record.augment is None:
        raise NotApplicableError("it has no augmentation function")
    hp = _hyperparameters(subject)
    # Equal images, which only different random draws can make different.
    images_BCHW = (noise(1, 3, 16) * 40 + 128).clamp(0, 255).to(torch.uint8).expand(_SAME_IMAGES, -1, -1, -1)
    batches = [
        _augmented(subject, images_BCHW.clone(), torch.Generator().manual_seed(seed), hp) for seed in range(_BATCHES)
    ]
    if all(torch.equal(batch, batches[0]) for batch in batches):
        return  # nothing is drawn, or only partners of images
    if all((batch == batch[:1]).all() for batch in batches):
        raise CheckFailedError(
            f"{_SAME_IMAGES} equal images of a batch are always augmented alike, and differently in another batch: it "
            "draws once for the whole batch"
        )


def loss_is_a_mean(subject: Subject[Recipe]) -> None:
    loss_of = subject.record.loss
    if loss_of is None:
        raise NotApplicableError("it has no loss function")
    hp = _hyperparameters(subject)
    logits_BK = noise(8, 1, 2).flatten(1).requires_grad_()
    labels_B = torch.arange(8) % NUM_CLASSES
    targets = [labels_B]
    if hp.mixup_alpha > 0 or hp.cutmix_alpha > 0:
        targets.append(torch.softmax(noise(8, 1, 2, seed=1).flatten(1), dim=1))
    for target in targets:
        loss: Any = loss_of(logits_BK, target, hp)
        if not isinstance(loss, Tensor) or loss.ndim or not loss.is_floating_point():
            given = f"{list(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise CheckFailedError(f"it returned {given}; expected a scalar")
        (gradient_BK,) = torch.autograd.grad(loss, logits_BK, allow_unused=True) if loss.requires_grad else (None,)
        if gradient_BK is None or not gradient_BK.any():
            raise CheckFailedError("the loss has no gradient")
        if not torch.isfinite(loss) or not torch.isfinite(gradient_BK).all():
            raise CheckFailedError("the loss or its gradient is not finite")
        halves = [loss_of(logits_BK[half], target[half], hp) for half in (slice(0, 4), slice(4, 8))]
        if not torch.isclose(loss, sum(halves, torch.zeros(())) / 2, rtol=1e-4):
            raise CheckFailedError(
                f"of eight images it is {loss.item():.4g}, of each four {halves[0].item():.4g} and "
                f"{halves[1].item():.4g}: not their mean"
            )


def step_changes_gradients_only(subject: Subject[Recipe]) -> None:
    if subject.record.training_step is None:
        raise NotApplicableError("it has no training step")
    resolved = ResolvedRecipe(recipe=subject.record, hp=_hyperparameters(subject))
    net = sample_net(0).train()
    with sample_images() as images:
        settings = ForwardSettings(device=_CPU, normalization=images.prepared)
        context = StepContext(
            net,
            forward=net,
            optimizer=resolved.make_optimizer(net, steps_per_epoch=_STEPS_PER_EPOCH),
            resolved=resolved,
            settings=settings,
            loss=resolved.make_loss(),
            scaler=torch.amp.GradScaler("cpu", enabled=False),
        )
    context.num_classes, context.steps_per_epoch = NUM_CLASSES, _STEPS_PER_EPOCH
    before = {name: value.detach().clone() for name, value in net.named_parameters()}
    loss = context.learn(noise(8, 3, 8), torch.arange(8) % NUM_CLASSES, weight=1.0)
    if not torch.isfinite(loss):
        raise CheckFailedError("its loss is not finite")
    if not any(value.grad is not None and value.grad.any() for value in net.parameters()):
        raise CheckFailedError("it leaves no gradient")
    changed = [name for name, value in net.named_parameters() if not torch.equal(value, before[name])]
    if changed:
        raise CheckFailedError(f"it changes weights itself, in {', '.join(changed[:3])}: that is up to the optimizer")


def predict_gives_logits(subject: Subject[Recipe]) -> None:
    predict = subject.record.predict
    if predict is None:
        raise NotApplicableError("it has no predict function")
    hp = _hyperparameters(subject)
    net = sample_net(0).eval()
    outputs = []
    with sample_images() as images:
        for seed in (1, 2):
            torch.manual_seed(seed)
            outputs.append(
                predict_logits(
                    net,
                    images.val,
                    ForwardSettings(device=_CPU, normalization=images.prepared),
                    batch_size=16,
                    predict=lambda model, images_BCHW: predict(model, images_BCHW, hp),
                    num_classes=NUM_CLASSES,
                )
            )
    if not torch.equal(*outputs):
        raise CheckFailedError("its predictions differ the second time")


def recipe_has_no_side_effects(subject: Subject[Recipe]) -> None:
    recipe = subject.record
    hp = _hyperparameters(subject)
    images_BCHW, pixels_BCHW = noise(4, 3, 8), torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    net, generator = sample_net(0), torch.Generator().manual_seed(0)
    resolved = ResolvedRecipe(recipe=recipe, hp=hp)
    parts: dict[str, Any] = {
        "hyperparameters": recipe.hyperparameters,
        "prepare": recipe.prepare and (lambda: recipe.prepare(net, images_BCHW, hp)),  # type: ignore[misc]
        "make_optimizer": recipe.make_optimizer and (lambda: resolved.make_optimizer(net)),
        "lr_factor": recipe.lr_factor and (lambda: recipe.lr_factor(0.5, hp)),  # type: ignore[misc]
        "augment": recipe.augment and (lambda: _augmented(subject, pixels_BCHW, generator, hp)),
        "loss": recipe.loss and (lambda: recipe.loss(torch.zeros(4, 4), torch.arange(4), hp)),  # type: ignore[misc]
        "fit_head": recipe.fit_head and (lambda: recipe.fit_head(sample_features(), hp)),  # type: ignore[misc]
        "predict": recipe.predict and (lambda: recipe.predict(net.eval(), images_BCHW, hp)),  # type: ignore[misc]
    }
    for name, call in parts.items():
        if call is not None:
            # A preparation and a new head may draw first weights from torch's generator, as the network itself does.
            require_no_side_effects(call, f"its {name}", may_draw=name in ("prepare", "fit_head"))


def _augmented(subject: Subject[Recipe], images_BCHW: Tensor, generator: torch.Generator, hp: Hyperparameters) -> Any:
    """Return the images of its augmentation, which may also return targets, and take labels."""
    augment = subject.record.augment
    assert augment is not None
    offered = {"labels_B": torch.arange(len(images_BCHW)) % NUM_CLASSES, "num_classes": NUM_CLASSES}
    result: Any = augment(images_BCHW, generator, hp, **accepted(augment, offered))
    return result[0] if isinstance(result, tuple) else result


def _fit_features(subject: Subject[Recipe]) -> None:
    """Check that the head knows 64 images with features that are easy to tell apart."""
    features = sample_features()
    logits_NK = fitted_head(subject, features)(torch.from_numpy(features.val_ND))
    accuracy = float((logits_NK.argmax(dim=1).numpy() == features.val_labels_N).mean())
    if accuracy < 0.95:
        raise CheckFailedError(f"its head knows {accuracy:.0%} of 64 images with features that are easy to tell apart")


def _require_training(subject: Subject[Recipe]) -> None:
    if subject.record.fit_head is not None:
        raise NotApplicableError("it fits a head to features, and trains nothing")


def _hyperparameters(subject: Subject[Recipe]) -> Hyperparameters:
    hp = subject.record.hyperparameters()
    if not isinstance(hp, Hyperparameters):
        raise CheckFailedError(f"hyperparameters() returned {type(hp).__name__}; expected Hyperparameters")
    return hp


def _train(subject: Subject[Recipe], images: Any, hp: Hyperparameters, net: nn.Module, **options: Any) -> None:
    if not subject.record.trains:
        raise NotApplicableError("it trains nothing")
    train(
        net,
        images,
        ResolvedRecipe(recipe=subject.record, hp=hp),
        ForwardSettings(device=_CPU, normalization=images.prepared),
        seed=0,
        **options,
    )
