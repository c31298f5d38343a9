"""Checks of architectures; the table in :mod:`zoo.testing.checks` gives their rationales.

Networks are built as in trials. Shapes are checked on torch's meta device, where nothing is computed; values are
computed at the smallest supported image size, so that large networks can be checked on a laptop.
Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import importlib
import warnings
from contextlib import suppress

import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.networks.building import build_model
from harness.networks.channels_last import trainable_layout, unsafe_layer
from harness.networks.complexity import count_parameters
from harness.networks.state_dicts import with_versions
from harness.planning.small_images import adapts_by_default
from harness.training.loop import EpochResult, TrainingHooks, train
from harness.training.precision import computing
from harness.training.resolved_recipe import ResolvedRecipe
from zoo.architecture import Architecture, ModelRequest
from zoo.errors import UsageError, ZooError
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.global_state import require_no_side_effects, restored
from zoo.testing.networks import (
    SIZES,
    dtype_name,
    logits_of,
    loss_of,
    ready,
    request_for,
    require_close,
    require_finite,
    tensors_of,
)
from zoo.testing.samples import NUM_CLASSES, sample_images
from zoo.testing.subjects import Subject

_CPU = torch.device("cpu")
_HALF_SIZE = 64
"""Image size for bfloat16: on feature maps of one pixel, torch 2.15 computes wrong bfloat16 gradients of strided
convolutions on some CPUs, which is not the fault of the network."""
_EPOCHS = 60


class _Learnt(Exception):
    """The network has memorised its images, and needs no more epochs."""


def builds(subject: Subject[Architecture]) -> None:
    architecture = subject.record
    torch.manual_seed(0)
    model = architecture.build(request_for(architecture, size=architecture.native_size))
    if not isinstance(model, nn.Module):
        raise CheckFailedError(f"build returned {type(model).__name__}, not a torch.nn.Module")
    in_eval = [name or "the network" for name, module in model.named_modules() if not module.training]
    if in_eval:
        raise CheckFailedError(f"build returned {in_eval[0]} in eval mode; a new network is in train mode")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise CheckFailedError("it has no trainable parameters")
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise CheckFailedError(f"{name} is {dtype_name(tensor)}; a new network is in float32")
        if tensor.device.type != "cpu":
            raise CheckFailedError(f"{name} is on {tensor.device}, not on torch's default device")


def output_shape(subject: Subject[Architecture]) -> None:
    architecture = subject.record
    native, smallest = architecture.native_size, architecture.min_size
    middle = -(-max(SIZES[1], smallest) // smallest) * smallest
    for size, channels, classes, may_refuse in (
        (native, 3, 10, False),
        (native, 3, 2, False),
        (native, 3, 101, False),
        (native, 1, 10, True),
        (smallest, 3, 10, False),
        (middle, 3, 10, True),
        (native + 1, 1, 7, True),
    ):
        request = request_for(architecture, size=size, channels=channels, classes=classes)
        try:
            _build_somewhere(architecture, request)
        except UsageError:
            # A refusal in one sentence is allowed for sizes and channels that not every network supports.
            if not may_refuse:
                raise
        except ZooError as error:
            hint = f"; it declares min_size={smallest}" if size == smallest else ""
            raise CheckFailedError(f"{classes} classes, {channels} channel(s), {size} px: {error}{hint}") from error


def finite_gradients(subject: Subject[Architecture]) -> None:
    model, images_BCHW = ready(subject)
    logits_BK = logits_of(model.train(), images_BCHW)
    loss_of(logits_BK).backward()
    require_finite(model, logits_BK)
    if all(parameter.grad is None or not parameter.grad.any() for parameter in model.parameters()):
        raise CheckFailedError("no parameter gets a gradient from the logits")


def eval_leaves_state(subject: Subject[Architecture]) -> None:
    model, images_BCHW = ready(subject)
    before = {name: value.clone() for name, value in tensors_of(model).items()}
    model.eval()
    with torch.no_grad():
        first_BK, second_BK = logits_of(model, images_BCHW), logits_of(model, images_BCHW)
    changed = [name for name, value in tensors_of(model).items() if not torch.equal(value, before[name])]
    if changed:
        raise CheckFailedError(f"a forward pass in eval mode changes {', '.join(changed[:5])}")
    if not torch.equal(first_BK, second_BK):
        raise CheckFailedError("in eval mode, the same images give different logits the second time")
    if any(module.training for module in model.modules()):
        raise CheckFailedError("a forward pass puts modules back into train mode")


def images_are_independent(subject: Subject[Architecture]) -> None:
    model, images_BCHW = ready(subject)
    model.eval()
    with torch.no_grad():
        together_BK = logits_of(model, images_BCHW)
        alone_BK = torch.cat([logits_of(model, image_CHW[None]) for image_CHW in images_BCHW])
    require_close(together_BK, alone_BK, "images alone and in a batch")


def same_seed_same_weights(subject: Subject[Architecture]) -> None:
    first, second = (tensors_of(ready(subject, seed=0)[0]) for _ in range(2))
    other = [name for name, value in first.items() if name not in second or not torch.equal(value, second[name])]
    if other or first.keys() != second.keys():
        raise CheckFailedError(f"two builds from one seed differ in {', '.join(other[:5]) or 'their tensors'}")
    third = tensors_of(ready(subject, seed=1)[0])
    if all(torch.equal(value, third[name]) for name, value in first.items()):
        raise CheckFailedError(
            "builds with different seeds are equal: the weights are not drawn from torch's generator"
        )


def state_dict_round_trip(subject: Subject[Architecture]) -> None:
    from safetensors.torch import load, save

    model, images_BCHW = ready(subject, seed=0)
    model.train()
    with torch.no_grad():
        logits_of(model, images_BCHW)  # so that running statistics are not those of a new network
        expected_BK = logits_of(model.eval(), images_BCHW)
    # Copies, because safetensors refuses tensors that share memory, such as tied weights.
    content = save({name: value.clone().contiguous() for name, value in tensors_of(model).items()})
    other, _ = ready(subject, seed=1)
    try:
        other.load_state_dict(with_versions(other, load(content)))
    except RuntimeError as error:
        raise CheckFailedError(f"saved weights do not load: {error}") from error
    with torch.no_grad():
        loaded_BK = logits_of(other.eval(), images_BCHW)
    if not torch.equal(expected_BK, loaded_BK):
        raise CheckFailedError(
            "a network with loaded weights gives different logits: its state_dict does not contain all of its state"
        )


def half_precision(subject: Subject[Architecture]) -> None:
    model, images_BCHW = ready(subject, sizes=(_HALF_SIZE,))
    with computing(_CPU, "bf16"):
        logits_BK = logits_of(model.train(), images_BCHW)
    loss_of(logits_BK.float()).backward()
    require_finite(model, logits_BK)


def channels_last(subject: Subject[Architecture]) -> None:
    model, images_BCHW = ready(subject)
    model.eval()
    with torch.no_grad():
        expected_BK = logits_of(model, images_BCHW)
        model.to(memory_format=torch.channels_last)
        logits_BK = logits_of(model, images_BCHW.contiguous(memory_format=torch.channels_last))
    require_close(expected_BK, logits_BK, "channels-last memory")
    if unsafe_layer(model) is not None:
        return  # it is trained in contiguous memory
    loss_of(logits_of(model.train(), images_BCHW.contiguous(memory_format=torch.channels_last))).backward()


def parameter_count_stable(subject: Subject[Architecture]) -> None:
    counts = []
    for seed in (0, 1):
        images_BCHW = ready(subject)[1]
        torch.manual_seed(seed)
        # As its plugin makes it: what the harness returns has seen a forward pass.
        model = subject.record.build(request_for(subject.record, size=images_BCHW.shape[2]))
        lazy = [
            name for name, each in model.named_parameters() if isinstance(each, nn.parameter.UninitializedParameter)
        ]
        if lazy:
            raise CheckFailedError(f"{lazy[0]} has no shape before the first forward pass")
        counts.append(count_parameters(model)[0])
        with torch.no_grad():
            logits_of(model, images_BCHW)
        counts.append(count_parameters(model)[0])
    if len(set(counts)) > 1:
        listed = ", ".join(f"{count:,}" for count in counts)
        raise CheckFailedError(
            f"the number of parameters changes between two builds, each before and after a forward pass: {listed}"
        )


def overfits_64_images(subject: Subject[Architecture]) -> None:
    best = 0.0
    # Transformers want smaller steps than convolutions.
    for lr in (1e-3, 2e-4):
        model, images_BCHW = ready(subject, classes=NUM_CLASSES)
        recipe = Recipe(name="kit", hyperparameters=Hyperparameters)
        hp = Hyperparameters(epochs=_EPOCHS, batch_size=16, optimizer="adam", lr=lr)
        reached: list[float] = []

        def look(result: EpochResult, reached: list[float] = reached) -> None:
            # The validation images are the same ones. Where running statistics follow slowly, as with a momentum of
            # 0.01, the network knows them in train mode long before it does in eval mode.
            reached.append(max(result.val_accuracy, result.train_accuracy or 0.0))
            if reached[-1] >= 0.95:
                raise _Learnt

        with sample_images(size=images_BCHW.shape[2]) as images, suppress(_Learnt):
            train(
                model,
                images,
                ResolvedRecipe(recipe=recipe, hp=hp),
                ForwardSettings(
                    device=_CPU,
                    normalization=images.prepared,
                    channels_last=trainable_layout("auto", model, _CPU) != "contiguous",
                ),
                seed=0,
                hooks=TrainingHooks(emit=look),
            )
        best = max([best, *reached])
        if best >= 0.95:
            return
    raise CheckFailedError(
        f"after {_EPOCHS} epochs of Adam, its accuracy on 64 easy training images is {best:.0%}; expected 95%"
    )


def build_has_no_side_effects(subject: Subject[Architecture]) -> None:
    architecture = subject.record
    for module in architecture.preload:  # their import is not a side effect of building
        importlib.import_module(module)
    with restored():
        model, images_BCHW = ready(subject)

    def build() -> None:
        architecture.build(request_for(architecture, size=images_BCHW.shape[2]))

    def run() -> None:
        loss_of(logits_of(model.train(), images_BCHW)).backward()
        with torch.no_grad():
            logits_of(model.eval(), images_BCHW)

    require_no_side_effects(build, "building it", may_draw=True)
    require_no_side_effects(run, "running it", may_draw=True)


def compiles(subject: Subject[Architecture]) -> None:
    import torch._dynamo

    model, images_BCHW = ready(subject)
    model.eval()
    with torch.no_grad():
        expected_BK = logits_of(model, images_BCHW)
    torch._dynamo.reset()
    try:
        # Networks can fail in tracing. Code generation is torch's responsibility, and needs a compiler to be installed.
        compiled = torch.compile(model, backend="aot_eager")
        with torch.no_grad():
            require_close(expected_BK, compiled(images_BCHW), "torch.compile")
        model.train()
        loss_of(compiled(images_BCHW)).backward()
    finally:
        torch._dynamo.reset()
    require_finite(model, expected_BK)


def exports(subject: Subject[Architecture]) -> None:
    if not subject.record.exportable:
        raise NotApplicableError("it is not declared exportable")
    model, images_BCHW = ready(subject)
    model.eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own warnings, which differ between versions
        expected_BK = logits_of(model, images_BCHW)
        try:
            program = torch.export.export(model, (images_BCHW,))
        except Exception as error:  # tracing may raise anything
            raise CheckFailedError(f"torch.export: {type(error).__name__}: {error}") from error
        require_close(expected_BK, program.module()(images_BCHW), "torch.export")


def _build_somewhere(architecture: Architecture, request: ModelRequest) -> None:
    """Build and run the network once as in a trial, on the meta device if possible, else on the CPU."""
    adapt = adapts_by_default(architecture, request.image_size)
    try:
        with torch.device("meta"):
            build_model(architecture, request, seed=0, adapt=adapt)
    except UsageError:
        raise
    except Exception:  # some networks need real numbers to be built; then the CPU decides
        build_model(architecture, request, seed=0, adapt=adapt)
