"""All image-classification models of torchvision, by full name: ``torchvision/resnet18``.

https://docs.pytorch.org/vision/stable/models.html. Their names, sizes and weights are cached under
torchvision's version, so that listing them does not import torchvision.
"""

from __future__ import annotations

import functools
import importlib.metadata
import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from plugins.architectures.weights import check_reachable, downloading, fit_kernel, is_cached_by_torch
from zoo import Architecture, ModelRequest, Preparation, PublishedFigure, PublishedHead, hookimpl
from zoo.class_list import classes_of_head
from zoo.errors import UnknownNameError, UsageError
from zoo.files.cache import cached_json
from zoo.names import near_names
from zoo.options import Option
from zoo.pretraining import IMAGENET_1K

if TYPE_CHECKING:
    from torch import nn

_LISTING = 2  # incremented whenever the cached facts change
_PREPARATIONS = 1  # likewise
_HEADS = 1  # likewise
_FIGURES = {"acc@1": "accuracy", "acc@5": "top5"}
"""Names of metrics in torchvision and in zoo."""
_TRANSFORMERS = ("vision_transformer", "swin_transformer", "maxvit")
_AUXILIARY = ("googlenet", "inception")  # families with auxiliary heads for training, which are not built


@hookimpl
def zoo_architectures() -> Iterator[Architecture]:
    """Yield every classification model that torchvision lists."""
    version = importlib.metadata.version("torchvision")
    listing = cached_json(f"torchvision-{version}-models-{_LISTING}", _list_models)
    for name, facts in listing.items():
        family: str = facts["family"]
        yield Architecture(
            name=name,
            build=functools.partial(_build, name=name),
            summary=f"{facts['native_size']} px, weights {', '.join(facts['weights'])}",
            family=family,
            source=f"https://docs.pytorch.org/vision/stable/models.html (torchvision/models/{family}.py)",
            namespace="torchvision",
            short=False,
            version=version,
            native_size=facts["native_size"],
            min_size=facts["min_size"],
            adapts_small_images=family not in _TRANSFORMERS,
            has_pretrained=bool(facts["weights"]),
            preparation=functools.partial(_preparation, name=name),
            head=functools.partial(_head, name=name),
            pretraining=functools.partial(_pretraining, name=name),
            check_weights=functools.partial(_check_weights, name=name),
            options={"weights": None},
            preload=("torch", "torchvision"),
        )


def _list_models() -> dict[str, Any]:
    import torchvision.models

    return {name: _facts(name) for name in torchvision.models.list_models(module=torchvision.models)}


def _facts(name: str) -> dict[str, Any]:
    from torchvision.models import get_model_builder, get_model_weights

    family = get_model_builder(name).__module__.rpartition(".")[2]
    weights = list(get_model_weights(name))
    # Besides weights for the native size, there may be some that were fine-tuned at a larger size.
    native_size = min((_transform(each).crop_size[0] for each in weights), default=224)
    min_sizes = {"vision_transformer": _patch_size(name), "swin_transformer": 32, "maxvit": 224, "inception": 11}
    return {
        "family": family,
        "native_size": native_size,
        "min_size": min_sizes.get(family, 8),
        "weights": [each.name for each in weights],
    }


def _patch_size(name: str) -> int:
    suffix = name.rpartition("_")[2]
    return int(suffix) if suffix.isdecimal() else 1


def _build(request: ModelRequest, *, name: str) -> nn.Module:
    """Build a torchvision model with a new head and a first convolution for the requested number of channels."""
    from torchvision.models import get_model, get_model_builder

    family = get_model_builder(name).__module__.rpartition(".")[2]
    arguments: dict[str, Any] = {"num_classes": request.num_classes}
    if family in _AUXILIARY:
        # The preparation handles the range of pixels instead, for any number of channels.
        arguments |= {"aux_logits": False, "transform_input": False, "init_weights": True}
    if family == "vision_transformer":
        patch = _patch_size(name)
        if request.image_size % patch:
            raise UsageError(
                f"torchvision/{name} needs image sides that are multiples of {patch} pixels, got {request.image_size}"
            )
        arguments["image_size"] = request.image_size
    if family == "maxvit":
        if request.image_size % 224:
            raise UsageError(
                f"torchvision/{name} needs image sides that are multiples of 224 pixels, got {request.image_size}"
            )
        arguments["input_size"] = (request.image_size, request.image_size)
    weights = _weights(request, name)
    model: nn.Module = get_model(name, weights=None, **arguments)
    first = _first_convolution(model)
    if request.in_channels != 3:
        _replace_input(model, first, request.in_channels)
    if weights is not None:
        _load(model, weights, first, request, name)
    return model


def _first_convolution(model: nn.Module) -> str:
    from torch import nn

    return next(name for name, module in model.named_modules() if isinstance(module, nn.Conv2d))


def _replace_input(model: nn.Module, name: str, in_channels: int) -> None:
    """Replace the first convolution by one with *in_channels*, initialised so that its output keeps its scale."""
    import torch
    from torch import nn

    old = model.get_submodule(name)
    assert isinstance(old, nn.Conv2d)
    new = nn.Conv2d(
        in_channels,
        old.out_channels,
        old.kernel_size,  # type: ignore[arg-type]
        stride=old.stride,  # type: ignore[arg-type]
        padding=old.padding,  # type: ignore[arg-type]
        dilation=old.dilation,  # type: ignore[arg-type]
        bias=old.bias is not None,
    )
    with torch.no_grad():
        new.weight.normal_().mul_(old.weight.std() * (old.in_channels / in_channels) ** 0.5)
        if new.bias is not None and old.bias is not None:
            new.bias.copy_(old.bias)
    parent, _, child = name.rpartition(".")
    model.get_submodule(parent).register_module(child, new)


def _weights(request: ModelRequest, name: str) -> Any:
    """Return the requested weights as torchvision declares them, or None."""
    wanted = request.options["weights"]
    if request.pretrained:
        return _pretrained(request.options, name)
    if wanted is not None:
        raise UsageError(f"model.weights={wanted} needs a recipe that starts from published weights")
    return None


def _pretrained(options: Mapping[str, Option], name: str) -> Any:
    from torchvision.models import get_model_weights

    known = get_model_weights(name)
    chosen = _chosen(name, [each.name for each in known], options)
    return known.DEFAULT if chosen is None else known[chosen]


def _chosen(name: str, names: list[str], options: Mapping[str, Option]) -> str | None:
    """Return the weights that the options name; None: the model's default ones.

    Raises:
        UsageError: If the model has no published weights, or none of that name.
    """
    wanted = options["weights"]
    if not names:
        raise UsageError(f"torchvision/{name} has no published weights; choose a recipe that trains from scratch")
    if wanted is None or wanted == "DEFAULT":
        return None
    if wanted not in names:
        lowered = {each.lower(): each for each in names}
        raise UnknownNameError(
            f"weights of torchvision/{name}",
            str(wanted),
            near=[lowered[each] for each in near_names(str(wanted), lowered)],
            hint=f"(it has {', '.join(names)})",
        )
    return str(wanted)


def _load(model: nn.Module, weights: Any, first: str, request: ModelRequest, name: str) -> None:
    """Load published weights, without those of a head with another number of classes."""
    import torch
    from torchvision.models import get_model

    _require(weights, name)
    # torchvision itself loads them into a second network, because only it knows how tensors are named in old files.
    with _downloading(weights, name), torch.random.fork_rng(devices=[]):
        published = get_model(name, weights=weights, progress=False).state_dict()
    own = model.state_dict()
    published[f"{first}.weight"] = fit_kernel(published[f"{first}.weight"], request.in_channels)
    if "encoder.pos_embedding" in own:
        from torchvision.models.vision_transformer import interpolate_embeddings

        published = interpolate_embeddings(request.image_size, _patch_size(name), published)
    num_published = len(weights.meta["categories"])
    head = [key for key in own if published[key].shape != own[key].shape and len(published[key]) == num_published]
    missing, unexpected = model.load_state_dict(
        {key: tensor for key, tensor in published.items() if key not in head}, strict=False
    )
    assert missing == head, f"{name}: {missing} were not loaded, the head is {head}"
    assert not unexpected, f"{name}: {unexpected} are in no layer"


def _check_weights(options: Mapping[str, Option], *, name: str) -> None:
    _require(_pretrained(options, name), name)


def _require(weights: Any, name: str) -> None:
    """Raise an ``UnavailableWeightsError`` if weights are not on this machine and their host cannot be reached."""
    with _downloading(weights, name):
        if not is_cached_by_torch(weights.url):
            check_reachable(weights.url)


def _downloading(weights: Any, name: str) -> AbstractContextManager[None]:
    from torch.hub import get_dir

    advice = f"put {weights.url} into {get_dir()}/checkpoints (TORCH_HOME moves that folder)"
    return downloading(f"the published weights of torchvision/{name}", advice)


def _transform(weights: Any) -> Any:
    return weights.transforms()


def _preparation(options: Mapping[str, Option], *, name: str) -> Preparation:
    of_model: dict[str, dict[str, Any]] = _preparations()[name]
    chosen = _chosen(name, list(of_model), options)
    facts = next(iter(of_model.values())) if chosen is None else of_model[chosen]
    return Preparation(**{**facts, "mean": tuple(facts["mean"]), "std": tuple(facts["std"])})


def _head(options: Mapping[str, Option], *, name: str) -> PublishedHead:
    """Return what the weights classify, and the figures that torchvision states for them."""
    version = importlib.metadata.version("torchvision")
    of_model: dict[str, dict[str, Any]] = _heads()[name]
    chosen = _chosen(name, list(of_model), options)
    tag = next(iter(of_model)) if chosen is None else chosen
    facts = of_model[tag]
    if not facts["num_classes"]:
        raise UsageError(f"torchvision does not say what the weights {tag} of {name} classify")
    return PublishedHead(
        classes=classes_of_head(facts["num_classes"]),
        figures=tuple(
            PublishedFigure(
                value=value / 100,
                metric=metric,
                dataset=dataset,
                source=f"torchvision {version}, {tag}",
                preparation=str(_preparation(options, name=name)),
            )
            for dataset, metric, value in facts["figures"]
        ),
    )


def _pretraining(options: Mapping[str, Option], *, name: str) -> tuple[str, ...]:
    """Return what the weights were trained on, as their name says: IMAGENET1K_SWAG_E2E_V1 started from Instagram."""
    of_model: dict[str, Any] = _heads()[name]
    chosen = _chosen(name, list(of_model), options)
    tag = next(iter(of_model)) if chosen is None else chosen
    parts = tag.split("_")
    named = {"IMAGENET1K": IMAGENET_1K, "SWAG": "instagram"}
    return tuple(collection for part, collection in named.items() if part in parts)


@functools.cache  # a plan asks for each trial
def _heads() -> dict[str, Any]:
    return cached_json(f"torchvision-{importlib.metadata.version('torchvision')}-models-heads-{_HEADS}", _list_heads)


@functools.cache
def _preparations() -> dict[str, Any]:
    version = importlib.metadata.version("torchvision")
    return cached_json(f"torchvision-{version}-models-preparations-{_PREPARATIONS}", _list_preparations)


def _list_heads() -> dict[str, Any]:
    """Return classes and figures of each model's weights by their names, those of its default weights first."""
    import torchvision.models
    from torchvision.models import get_model_weights

    found = {}
    for name in torchvision.models.list_models(module=torchvision.models):
        weights = get_model_weights(name)
        default = [weights.DEFAULT] if list(weights) else []
        found[name] = {
            each.name: {
                "num_classes": len(each.meta["categories"] or ()),
                "figures": [
                    [dataset, _FIGURES[metric], value]
                    for dataset, metrics in each.meta["_metrics"].items()
                    for metric, value in metrics.items()
                    if metric in _FIGURES and value == value  # NaN: unknown
                ],
            }
            for each in [*default, *weights]
        }
    return found


def _list_preparations() -> dict[str, Any]:
    """Return the preparation of each model's weights by their names, that of its default weights first."""
    import torchvision.models
    from torchvision.models import get_model_weights

    found = {}
    for name in torchvision.models.list_models(module=torchvision.models):
        weights = get_model_weights(name)
        default = [weights.DEFAULT] if list(weights) else []
        found[name] = {each.name: _preparation_facts(_transform(each), name) for each in [*default, *weights]}
    return found


def _preparation_facts(transform: Any, name: str) -> dict[str, Any]:
    mean, std = list(transform.mean), list(transform.std)
    if name in ("googlenet", "inception_v3"):
        # These networks were trained on pixels in [-1, 1], and undo ImageNet's normalisation in a layer of their own,
        # which is turned off here (see _build).
        mean = std = [0.5, 0.5, 0.5]
    (size,), (scaled,) = transform.crop_size, transform.resize_size
    return {
        "size": size,
        "fit": "crop",
        "crop_share": _share(size, scaled),
        "interpolation": transform.interpolation.value,
        "antialias": True,
        "mean": mean,
        "std": std,
    }


def _share(size: int, scaled: int) -> float:
    """Return the share of the side that a crop of *size* from *scaled* pixels keeps, such that the floor is exact."""
    share = size / scaled
    while math.floor(size / share) < scaled:
        share = math.nextafter(share, 0)
    return share
