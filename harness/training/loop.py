"""Training: the engine. One function, :func:`train`, that reads from top to bottom.

Nothing in an epoch waits for the device: losses and correct predictions add up there and are read once at the end.
Every draw derives from (seed, epoch, purpose), so that a training resumed from a saved state equals an uninterrupted
one, bit for bit on the CPU. Shape suffixes: N images, B batch, M micro-batch, C channels, H height,
W width, K classes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import Tensor, nn

from harness.batches.device_images import DeviceImages, micro_batch_sizes
from harness.batches.epoch_batches import EpochBatches
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import TrialImages
from harness.faults.errors import TrialError
from harness.faults.out_of_memory import least_images
from harness.networks.heads import find_head, freeze_all_but, set_train_mode
from harness.randomness import seed_global
from harness.records.record import FailureKind
from harness.training.best_epoch import BestEpoch
from harness.training.compiling import compiled, forget_compiled, recording
from harness.training.distributed.ranks import ALONE, MicroBatchShard, Ranks
from harness.training.ema import ModelEma, load_tensors, tensors_of
from harness.training.evaluation import checked_logits, evaluate
from harness.training.feature_batches import FeatureBatches, TrialFeatures
from harness.training.forward_state import ForwardState
from harness.training.losses import balanced_class_weights
from harness.training.optimizers import set_optimizer_mode
from harness.training.precision import computing, exact_fp32
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.schedules import Plateau, lr_factor
from harness.training.starting import start_network
from harness.training.state import TrainingState
from harness.training.step import StepContext


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochResult:
    """The result of an epoch, with the fields of :class:`zoo.events.EpochEnded`."""

    epoch: int
    epochs: int
    train_loss: float
    train_accuracy: float | None
    val_loss: float
    val_accuracy: float
    lr: float
    images_per_second: float
    seconds: float
    joules: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingResult:
    """The result of a training."""

    epochs_run: int
    tested_epoch: int
    """The epoch that the model's weights come from, counted from 1."""
    stopped_early: bool
    best_val_accuracy: float
    """The highest validation accuracy of all epochs."""
    final_train_loss: float
    """Mean training loss over the last epoch's images, with the recipe's loss function."""
    seconds: float
    """Time of training steps including the data path, without validation; summed over resumes."""
    images_per_second: tuple[float, ...]
    """Training images per second of training time, for each epoch."""
    micro_batch_size: int
    """Maximum number of images per forward pass at the end of training, over all ranks."""
    planned_micro_batch_size: int
    """Maximum number of images per forward pass in the recipe; more than *micro_batch_size* if memory ran out."""
    resident_bytes: int = 0
    """Accelerator memory taken by training and validation images that stay on the device."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingHooks:
    """Functions to call during training."""

    emit: Callable[[EpochResult], None] = lambda result: None
    """Called at the end of each epoch."""
    save: Callable[[TrainingState], None] | None = None
    """Called at the end of each epoch, before *emit*, with a state that is valid during the call."""
    give_way: Callable[[], float] = lambda: 0.0
    """Called before each step. It may wait; the seconds that it returns do not count as training time."""
    stepped: Callable[[Tensor], None] | None = None
    """Called in each step, before its update, with its mean loss on the device. What it raises ends the training."""
    clock: Callable[[], float] = time.monotonic
    """Clock of the training times, in seconds."""
    joules: Callable[[], float | None] = lambda: None
    """Energy counter of the device, in joules; None: there is none."""
    pause_after: int | None = None
    """Epoch after which training pauses; from its state, it goes on as if it had not. None: it runs to the end."""


def train(
    model: nn.Module,
    images: TrialImages | TrialFeatures,
    resolved: ResolvedRecipe,
    settings: ForwardSettings,
    *,
    seed: int,
    hooks: TrainingHooks = TrainingHooks(),  # frozen
    state: TrainingState | None = None,
    ranks: Ranks = ALONE,
) -> TrainingResult:
    """Train *model* in place, and leave the weights to test in it.

    These are the weights of the last epoch, or of the best epoch by ``hp.monitor`` on the validation split. If
    ``hp.ema_decay`` is set, they are the averaged weights. The test split is not used.

    When a forward or backward pass runs out of memory, the step is repeated with half as many images at a time, and
    later steps keep that size. Batches stay the same: gradients accumulate over more micro-batches, as with a higher
    ``hp.accumulate_steps``. The repeated step uses the same images, random draws and running statistics.

    Several *ranks* call this with the same arguments, each with its own device. They share each batch and end with the
    same weights. These equal the weights of a single process up to rounding, except that dropout draws differently on
    each rank.

    Args:
        model: A network as built by its architecture, pretrained or not; it is moved to the device of *settings*.
        images: The images; or their features, for a network that is nothing but a head.
        resolved: The recipe and its hyperparameters.
        settings: How training steps and validation run; validation is never compiled.
        seed: The source of every draw, together with epoch and purpose. Global generators are seeded too.
        hooks: Functions to call before each step and after each epoch.
        state: The state to continue from; *model* must have been built in the same way.
        ranks: The processes that train together.

    Raises:
        TrialError: ``diverged`` if a loss or a validation logit is not finite, ``data`` if there is nothing to train
            on, ``plugin`` if the network's output is not logits, ``oom`` if there is not enough memory for the minimum
            number of images: 1 at a time, 2 with batch normalisation, or one for each rank.
        GraphRecordingError: If CUDA graphs could not be recorded; training from *state* without them may succeed.
    """
    recipe, hp, device = resolved.recipe, resolved.hp, settings.device
    prepared = images.prepared
    num_classes = len(prepared.classes)
    labels_N = images.train.labels_N
    batches: EpochBatches | FeatureBatches
    if isinstance(images, TrialFeatures):
        batches = FeatureBatches(images, hp, seed=seed)
        validate, val_bytes = partial(images.evaluate, model), 0
    else:
        batches = EpochBatches(
            images.train,
            recipe,
            hp,
            prepared=prepared,
            seed=seed,
            settings=settings,
            rows_of=None if ranks is ALONE else lambda batch: ranks.rows(micro_sizes_of(batch)),
        )
        val_data = DeviceImages(images.val, device, trials_on_device=settings.trials_on_device)
        own = resolved.predict
        validate = partial(evaluate, model, val_data, settings, predict=own, num_classes=num_classes, ranks=ranks)
        val_bytes = val_data.resident_bytes
    num_images, num_steps = batches.num_images, len(batches.sizes)

    # The initial network.
    settings.place(model)
    head = find_head(model) if hp.freeze_backbone else ()
    if state is None:
        start_network(model, resolved, seed=seed, some=batches.some)
        ranks.agree(model)
    if hp.freeze_backbone:
        freeze_all_but(model, head)
    if settings.compile:
        forward = compiled(model, graphs=settings.graphs)
    else:
        forward = ranks.wrap(model, lambda: batches.some(2))
    # Accumulated gradients must outlive the next pass, but a recorded graph would overwrite them.
    forward_part = compiled(model) if settings.graphs else forward

    # How the network is updated.
    optimizer = resolved.make_optimizer(model, steps_per_epoch=num_steps)
    peak_lrs = [group["lr"] for group in optimizer.param_groups]
    trainable = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    scaler = torch.amp.GradScaler(device.type, enabled=settings.precision == "fp16")
    plateau = Plateau(patience=hp.plateau_patience, factor=hp.plateau_factor)
    weights_K = balanced_class_weights(labels_N, num_classes).to(device) if hp.class_weights == "balanced" else None
    loss_of = resolved.make_loss(weights_K)
    context = StepContext(
        model,
        # Steps of a recipe may pass several times, which a recorded graph would overwrite.
        forward=forward_part,
        optimizer=optimizer,
        resolved=resolved,
        settings=settings,
        loss=loss_of,
        scaler=scaler,
        is_alone=ranks is ALONE,
    )
    context.num_classes, context.steps_per_epoch = num_classes, num_steps

    def learn(
        images_MCHW: Tensor, targets: Tensor, labels_M: Tensor, part: MicroBatchShard, *, batch: int
    ) -> tuple[Tensor, int, Tensor | None]:
        """Add the gradients of M images of a batch; return their mean loss, their number, and how many are correct."""
        num_learnt = len(images_MCHW) * part.counts
        share = num_learnt / batch * ranks.size  # gradients are averaged over ranks
        if recipe.training_step is not None:
            with ranks.learning(part):
                return context.learn(images_MCHW, targets, weight=share), num_learnt, None
        with ranks.learning(part):
            with computing(device, settings.precision):
                output = (forward if len(images_MCHW) == batch else forward_part)(images_MCHW)
            logits_MK = checked_logits(output, len(images_MCHW), num_classes).float()
            loss = loss_of(logits_MK, targets)
            torch.autograd.backward(scaler.scale(loss if share == 1 else loss * share))
        if batches.mixes or not num_learnt:  # each kernel counts where a small network waits for launches
            return loss.detach(), num_learnt, None
        return loss.detach(), num_learnt, (logits_MK.detach().argmax(dim=1) == labels_M).sum()

    def undo() -> None:
        """Take back a step for which there was not enough memory."""
        before.restore()
        if settings.compile:
            forget_compiled(device)  # the compiler gives up after eight shapes, and each halving brings new ones

    # How many images at a time. A frozen backbone's batch normalisation takes no statistics.
    floor = 1 if hp.freeze_backbone else least_images(model)
    halving = ranks.halving(device, at_most=max(batches.sizes), floor=floor)
    before = ForwardState(model, device)

    def micro_sizes_of(batch: int) -> list[int]:
        return micro_batch_sizes(batch, hp.accumulate_steps, at_most=halving.at_most, floor=halving.floor)

    # What is tracked across epochs.
    has_no_hits = batches.mixes or recipe.training_step is not None
    ema = ModelEma(model, hp.ema_decay) if hp.ema_decay > 0 else None
    best = BestEpoch(higher_is_better=hp.monitor == "val_accuracy")
    best_weights: dict[str, Tensor] | None = None
    rates: list[float] = []
    totals = {"seconds": 0.0, "best_val_accuracy": 0.0, "train_loss": 0.0}
    epoch = 0
    if state is not None:
        tree = state.tree
        epoch = state.epoch
        load_tensors(model, tree["model"])
        optimizer.load_state_dict(tree["optimizer"])
        peak_lrs = tree["peak_lrs"]
        scaler.load_state_dict(tree["scaler"])
        plateau = Plateau(**tree["plateau"])
        best = BestEpoch(**tree["best"])
        if tree["best_weights"] is not None:
            best_weights = {name: value.to(device) for name, value in tree["best_weights"].items()}
        if ema is not None:
            ema.load(tree["ema"], step=tree["ema_step"])
        rates, totals = list(tree["rates"]), dict(tree["totals"])
        # Older states do not record the size, which was never halved then.
        halving.at_most = min(halving.at_most, tree.get("at_most", halving.at_most))

    def stopped_early() -> bool:
        return 0 < hp.early_stopping_patience <= best.stale_epochs and epoch < hp.epochs

    last_epoch = hp.epochs if hooks.pause_after is None else min(hooks.pause_after, hp.epochs)
    while epoch < last_epoch and not stopped_early():
        epoch += 1
        epoch_began, training_began, joules_before = time.monotonic(), hooks.clock(), hooks.joules()
        seed_global(seed, "model", epoch, *ranks.purpose)  # dropout and the like draw from the global generators
        loss_sum = torch.zeros((), device=device)
        num_correct = torch.zeros((), dtype=torch.int64, device=device)
        waited = 0.0
        set_train_mode(model, head if hp.freeze_backbone else None)
        set_optimizer_mode(optimizer, training=True)
        context.epoch = epoch
        if recipe.on_epoch_start is not None:
            recipe.on_epoch_start(context)
        with exact_fp32(device) if settings.precision == "fp32" else nullcontext():
            for index, (images_BCHW, targets, labels_B) in enumerate(batches.of_epoch(epoch)):
                waited += hooks.give_way()
                context.step = step = (epoch - 1) * num_steps + index
                factor = plateau.scale * lr_factor(step, hp, steps_per_epoch=num_steps, custom=recipe.lr_factor)
                for group, peak_lr in zip(optimizer.param_groups, peak_lrs, strict=True):
                    group["lr"] = peak_lr * factor

                before.take()
                learnt: list[tuple[Tensor, int, Tensor | None]] | None = None
                while learnt is None:  # one iteration, unless memory runs out
                    optimizer.zero_grad(set_to_none=True)
                    micro_sizes = micro_sizes_of(batches.sizes[index])
                    parts = ranks.parts(micro_sizes)
                    split = partial(torch.split, split_size_or_sections=[part.images for part in parts])
                    with halving.attempt(max(micro_sizes), undo=undo), recording(settings.graphs):
                        learnt = [
                            learn(*micro_batch, batch=batches.sizes[index])
                            for micro_batch in zip(
                                split(images_BCHW), split(targets), split(labels_B), parts, strict=True
                            )
                        ]
                for micro_loss, num_learnt, micro_correct in learnt:
                    loss_sum.add_(micro_loss, alpha=num_learnt)
                    if micro_correct is not None:
                        num_correct += micro_correct
                if hooks.stepped is not None:
                    hooks.stepped(torch.stack([loss * num for loss, num, _ in learnt]).sum() / batches.sizes[index])
                if hp.clip_norm > 0:
                    scaler.unscale_(optimizer)
                    nn.utils.clip_grad_norm_(trainable, hp.clip_norm)
                scaler.step(optimizer)
                scaler.update()
                if ema is not None:
                    ema.update()
        ranks.all_reduce(loss_sum, num_correct)
        train_loss = loss_sum.item() / num_images  # waits until the device has finished the epoch's steps
        train_seconds = hooks.clock() - training_began - waited
        if not math.isfinite(train_loss):
            raise TrialError(FailureKind.DIVERGED, f"the training loss of epoch {epoch} is not finite")
        rates.append(num_images / max(train_seconds, 1e-9))
        set_optimizer_mode(optimizer, training=False)

        with ema.in_model() if ema is not None else nullcontext():
            val = validate()
            monitored = val.accuracy if hp.monitor == "val_accuracy" else val.loss
            if best.observe(epoch, monitored) and hp.keep == "best":
                best_weights = {name: value.clone() for name, value in tensors_of(model).items()}
        if hp.schedule == "plateau" and recipe.lr_factor is None:
            plateau.observe(val.loss)
        totals = {
            "seconds": totals["seconds"] + train_seconds,
            "best_val_accuracy": max(totals["best_val_accuracy"], val.accuracy),
            "train_loss": train_loss,
        }
        if hooks.save is not None:
            tree = {
                "layout": "channels_last" if settings.channels_last else "contiguous",
                "compiled": ("graphs" if settings.graphs else "on") if settings.compile else "off",
                "model": tensors_of(model),
                "optimizer": optimizer.state_dict(),
                "peak_lrs": peak_lrs,
                "scaler": scaler.state_dict(),
                "plateau": asdict(plateau),
                "best": asdict(best),
                "best_weights": best_weights,
                "ema": None if ema is None else ema.averages,
                "ema_step": None if ema is None else ema.step,
                "rates": rates,
                "totals": totals,
                "at_most": halving.at_most,
            }
            hooks.save(TrainingState(epoch=epoch, tree=tree))
        joules = hooks.joules()
        hooks.emit(
            EpochResult(
                epoch=epoch,
                epochs=hp.epochs,
                train_loss=train_loss,
                train_accuracy=None if has_no_hits or batches.has_own_targets else num_correct.item() / num_images,
                val_loss=val.loss,
                val_accuracy=val.accuracy,
                lr=max(group["lr"] for group in optimizer.param_groups),
                images_per_second=rates[-1],
                seconds=time.monotonic() - epoch_began - waited,
                # While a trial waits, the device works for another one.
                joules=None if joules is None or joules_before is None or waited else joules - joules_before,
            )
        )

    if best_weights is not None:
        load_tensors(model, best_weights)
    elif ema is not None:
        ema.copy_to_model()
    return TrainingResult(
        epochs_run=epoch,
        tested_epoch=best.epoch if best_weights is not None else epoch,
        stopped_early=stopped_early(),
        best_val_accuracy=totals["best_val_accuracy"],
        final_train_loss=totals["train_loss"],
        seconds=totals["seconds"],
        images_per_second=tuple(rates),
        micro_batch_size=max(micro_sizes_of(max(batches.sizes))),
        planned_micro_batch_size=max(micro_batch_sizes(max(batches.sizes), hp.accumulate_steps)),
        resident_bytes=batches.resident_bytes + val_bytes,
    )
