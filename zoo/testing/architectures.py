"""Checks of architectures; the table in :mod:`zoo.testing.checks` gives their rationales.

Networks are built as in trials. Shapes are checked on torch's meta device, where nothing is computed; values are
computed at the smallest supported image size, so that large networks can be checked on a laptop.
Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.batches.forward_settings import ForwardSettings
from harness.networks.building import build_model
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
from zoo.testing.samples import NUM_CLASSES, noise, sample_images
from zoo.testing.subjects import Subject

_CPU = torch.device("cpu")
_SIZES = (16, 32, 64)
_HALF_SIZE = 64
"""Image size for bfloat16: on feature maps of one pixel, torch 2.15 computes wrong bfloat16 gradients of strided
convolutions on some CPUs, which is not the fault of the network."""
_TOLERANCE = 1e-3
"""Largest difference of logits between kernels and layouts, relative to the largest logit."""
_EPOCHS = 60


class _Learnt(Exception):
    """The network has memorised its images, and needs no more epochs."""


def builds(subject: Subject[Architecture]) -> None:
    architecture = subject.record
    torch.manual_seed(0)
    model = architecture.build(_request(architecture, size=architecture.native_size))
    if not isinstance(model, nn.Module):
        raise CheckFailedError(f"build returned {type(model).__name__}, not a torch.nn.Module")
    in_eval = [name or "the network" for name, module in model.named_modules() if not module.training]
    if in_eval:
        raise CheckFailedError(f"build returned {in_eval[0]} in eval mode; a new network is in train mode")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise CheckFailedError("it has no trainable parameters")
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise CheckFailedError(f"{name} is {_dtype(tensor)}; a new network is in float32")
        if tensor.device.type != "cpu":
            raise CheckFailedError(f"{name} is on {tensor.device}, not on torch's default device")


def output_shape(subject: Subject[Architecture]) -> None:
    architecture = subject.record
    native, smallest = architecture.native_size, architecture.min_size
    middle = -(-max(_SIZES[1], smallest) // smallest) * smallest
    for size, channels, classes, may_refuse in (
        (native, 3, 10, False),
        (native, 3, 2, False),
        (native, 3, 101, False),
        (native, 1, 10, True),
        (smallest, 3, 10, False),
        (middle, 3, 10, True),
        (native + 1, 1, 7, True),
    ):
        request = _request(architecture, size=size, channels=channels, classes=classes)
        try:
            _build_somewhere(architecture, request)
        except UsageError:
            # A stated refusal, in one sentence, of what not every network can take.
            if not may_refuse:
                raise
        except ZooError as error:
            hint = f"; it declares min_size={smallest}" if size == smallest else ""
            raise CheckFailedError(f"{classes} classes, {channels} channel(s), {size} px: {error}{hint}") from error


def finite_gradients(subject: Subject[Architecture]) -> None:
    model, images_BCHW = _ready(subject)
    logits_BK = _logits(model.train(), images_BCHW)
    _loss(logits_BK).backward()
    _require_finite(model, logits_BK)
    if all(parameter.grad is None or not parameter.grad.any() for parameter in model.parameters()):
        raise CheckFailedError("no parameter gets a gradient from the logits")


def eval_leaves_state(subject: Subject[Architecture]) -> None:
    model, images_BCHW = _ready(subject)
    before = {name: value.clone() for name, value in _tensors(model).items()}
    model.eval()
    with torch.no_grad():
        first_BK, second_BK = _logits(model, images_BCHW), _logits(model, images_BCHW)
    changed = [name for name, value in _tensors(model).items() if not torch.equal(value, before[name])]
    if changed:
        raise CheckFailedError(f"a forward pass in eval mode changes {', '.join(changed[:5])}")
    if not torch.equal(first_BK, second_BK):
        raise CheckFailedError("in eval mode, the same images give different logits the second time")
    if any(module.training for module in model.modules()):
        raise CheckFailedError("a forward pass puts modules back into train mode")


def images_are_independent(subject: Subject[Architecture]) -> None:
    model, images_BCHW = _ready(subject)
    model.eval()
    with torch.no_grad():
        together_BK = _logits(model, images_BCHW)
        alone_BK = torch.cat([_logits(model, image_CHW[None]) for image_CHW in images_BCHW])
    _require_close(together_BK, alone_BK, "images alone and in a batch")


def same_seed_same_weights(subject: Subject[Architecture]) -> None:
    first, second = (_tensors(_ready(subject, seed=0)[0]) for _ in range(2))
    other = [name for name, value in first.items() if name not in second or not torch.equal(value, second[name])]
    if other or first.keys() != second.keys():
        raise CheckFailedError(f"two builds from one seed differ in {', '.join(other[:5]) or 'their tensors'}")
    third = _tensors(_ready(subject, seed=1)[0])
    if all(torch.equal(value, third[name]) for name, value in first.items()):
        raise CheckFailedError(
            "builds with different seeds are equal: the weights are not drawn from torch's generator"
        )


def state_dict_round_trip(subject: Subject[Architecture]) -> None:
    from safetensors.torch import load, save

    model, images_BCHW = _ready(subject, seed=0)
    model.train()
    with torch.no_grad():
        _logits(model, images_BCHW)  # so that running statistics are not those of a new network
        expected_BK = _logits(model.eval(), images_BCHW)
    # Copies, for safetensors refuses tensors that share memory, as tied weights do.
    content = save({name: value.clone().contiguous() for name, value in _tensors(model).items()})
    other, _ = _ready(subject, seed=1)
    try:
        other.load_state_dict(with_versions(other, load(content)))
    except RuntimeError as error:
        raise CheckFailedError(f"saved weights do not load: {error}") from error
    with torch.no_grad():
        loaded_BK = _logits(other.eval(), images_BCHW)
    if not torch.equal(expected_BK, loaded_BK):
        raise CheckFailedError(
            "a network with loaded weights gives different logits: its state_dict does not contain all of its state"
        )


def half_precision(subject: Subject[Architecture]) -> None:
    model, images_BCHW = _ready(subject, sizes=(_HALF_SIZE,))
    with computing(_CPU, "bf16"):
        logits_BK = _logits(model.train(), images_BCHW)
    _loss(logits_BK.float()).backward()
    _require_finite(model, logits_BK)


def channels_last(subject: Subject[Architecture]) -> None:
    model, images_BCHW = _ready(subject)
    model.eval()
    with torch.no_grad():
        expected_BK = _logits(model, images_BCHW)
        model.to(memory_format=torch.channels_last)
        logits_BK = _logits(model, images_BCHW.contiguous(memory_format=torch.channels_last))
    _require_close(expected_BK, logits_BK, "channels-last memory")
    _loss(_logits(model.train(), images_BCHW.contiguous(memory_format=torch.channels_last))).backward()


def parameter_count_stable(subject: Subject[Architecture]) -> None:
    counts = []
    for seed in (0, 1):
        images_BCHW = _ready(subject)[1]
        torch.manual_seed(seed)
        # As its plugin makes it: what the harness returns has seen a forward pass.
        model = subject.record.build(_request(subject.record, size=images_BCHW.shape[2]))
        lazy = [
            name for name, each in model.named_parameters() if isinstance(each, nn.parameter.UninitializedParameter)
        ]
        if lazy:
            raise CheckFailedError(f"{lazy[0]} has no shape before the first forward pass")
        counts.append(count_parameters(model)[0])
        with torch.no_grad():
            _logits(model, images_BCHW)
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
        model, images_BCHW = _ready(subject, classes=NUM_CLASSES)
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
                ForwardSettings(device=_CPU, normalization=images.prepared, channels_last=True),
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
    for module in architecture.preload:  # importing them is not its affair
        importlib.import_module(module)
    with restored():
        model, images_BCHW = _ready(subject)

    def build() -> None:
        architecture.build(_request(architecture, size=images_BCHW.shape[2]))

    def run() -> None:
        _loss(_logits(model.train(), images_BCHW)).backward()
        with torch.no_grad():
            _logits(model.eval(), images_BCHW)

    require_no_side_effects(build, "building it", may_draw=True)
    require_no_side_effects(run, "running it", may_draw=True)


def compiles(subject: Subject[Architecture]) -> None:
    import torch._dynamo

    model, images_BCHW = _ready(subject)
    model.eval()
    with torch.no_grad():
        expected_BK = _logits(model, images_BCHW)
    torch._dynamo.reset()
    try:
        # Tracing is where networks differ; code generation is torch's own affair, and needs a compiler to be there.
        compiled = torch.compile(model, backend="aot_eager")
        with torch.no_grad():
            _require_close(expected_BK, compiled(images_BCHW), "torch.compile")
        model.train()
        _loss(compiled(images_BCHW)).backward()
    finally:
        torch._dynamo.reset()
    _require_finite(model, expected_BK)


def exports(subject: Subject[Architecture]) -> None:
    if not subject.record.exportable:
        raise NotApplicableError("it is not declared exportable")
    model, images_BCHW = _ready(subject)
    model.eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own making, and not the same in any two versions
        expected_BK = _logits(model, images_BCHW)
        try:
            program = torch.export.export(model, (images_BCHW,))
        except Exception as error:  # tracing may raise anything
            raise CheckFailedError(f"torch.export: {type(error).__name__}: {error}") from error
        _require_close(expected_BK, program.module()(images_BCHW), "torch.export")


def _request(architecture: Architecture, *, size: int, channels: int = 3, classes: int = 10) -> ModelRequest:
    options = dict(architecture.options)
    return ModelRequest(num_classes=classes, in_channels=channels, image_size=size, options=options)


def _build_somewhere(architecture: Architecture, request: ModelRequest) -> None:
    """Build and run the network once as in a trial, on the meta device if possible, else on the CPU."""
    adapt = adapts_by_default(architecture, request.image_size)
    try:
        with torch.device("meta"):
            build_model(architecture, request, seed=0, adapt=adapt)
    except UsageError:
        raise
    except Exception:  # some networks need numbers to be built; the CPU has the last word
        build_model(architecture, request, seed=0, adapt=adapt)


def _ready(
    subject: Subject[Architecture], *, seed: int = 0, classes: int = 10, sizes: Iterable[int] = _SIZES
) -> tuple[nn.Module, Tensor]:
    """Build the network for the smallest supported size of *sizes*, else for its native size.

    Returns:
        The network, and a batch of four images.
    """
    architecture = subject.record
    *smaller, native = _candidate_sizes(architecture, sizes)
    for size in smaller:
        with suppress(ZooError):
            return _build(architecture, size, classes, seed), noise(4, 3, size)
    return _build(architecture, native, classes, seed), noise(4, 3, native)


def _candidate_sizes(architecture: Architecture, sizes: Iterable[int]) -> Iterator[int]:
    step, native = architecture.min_size, architecture.native_size
    yield from sorted({size for least in sizes if (size := -(-least // step) * step) < native})
    yield native


def _build(architecture: Architecture, size: int, classes: int, seed: int) -> nn.Module:
    return build_model(architecture, _request(architecture, size=size, classes=classes), seed=seed, adapt=False)[0]


def _logits(model: nn.Module, images_BCHW: Tensor) -> Tensor:
    logits_BK = model(images_BCHW)
    if not isinstance(logits_BK, Tensor):
        mode = "train" if model.training else "eval"
        raise CheckFailedError(f"in {mode} mode it returns {type(logits_BK).__name__}, not a tensor of logits")
    if logits_BK.ndim != 2 or len(logits_BK) != len(images_BCHW) or not logits_BK.is_floating_point():
        mode = "train" if model.training else "eval"
        raise CheckFailedError(
            f"in {mode} mode it returns {_dtype(logits_BK)} {list(logits_BK.shape)} for {len(images_BCHW)} images, not "
            "floating-point logits [B, K]"
        )
    return logits_BK


def _loss(logits_BK: Tensor) -> Tensor:
    return functional.cross_entropy(logits_BK, torch.arange(len(logits_BK)) % logits_BK.shape[1])


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in model.state_dict().items() if isinstance(value, Tensor)}


def _require_finite(model: nn.Module, logits_BK: Tensor) -> None:
    if not torch.isfinite(logits_BK).all():
        raise CheckFailedError("its logits are not finite")
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
            raise CheckFailedError(f"the gradient of {name} is not finite")


def _require_close(expected_BK: Tensor, actual_BK: Tensor, what: str) -> None:
    difference = float((expected_BK - actual_BK).abs().max() / expected_BK.abs().max().clamp_min(1e-6))
    if not difference <= _TOLERANCE:  # NaN is no small difference
        raise CheckFailedError(f"{what}: logits differ by {difference:.2g} of the largest one")


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
