"""All image-classification models of timm (PyTorch Image Models).

Ross Wightman, https://github.com/huggingface/pytorch-image-models. Their names, sizes and weights
are cached under timm's version, so that listing them does not import timm.
"""

from __future__ import annotations

import functools
import importlib.metadata
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from plugins.architectures.checks import share
from plugins.architectures.timm_weights import cached_file, chosen_tag, config_of, downloading, tags_of_models
from zoo import Architecture, ModelRequest, Preparation, PublishedHead, hookimpl
from zoo.class_list import classes_of_head
from zoo.errors import UsageError
from zoo.files.cache import cached_json
from zoo.options import Option
from zoo.pretraining import IMAGENET_1K, IMAGENET_12K, IMAGENET_21K

if TYPE_CHECKING:
    from torch import nn

_LISTING = 1  # incremented whenever the cached facts change
_PREPARATIONS = 1  # likewise
_HEADS = 1  # likewise
_FITS = {"center": "crop", "border": "pad", "squash": "squash"}
_OPTIONS: dict[str, Option] = {"drop_rate": None, "drop_path_rate": None, "weights": None}

# Smallest image side in pixels by family (module of timm) or by name, if it follows neither from a patch size in the
# name nor from the small-image adaptation; found by trying all models at 8, 16, 32 and 64.
_MIN_SIZES = {
    **dict.fromkeys(("efficientvim", "swiftformer", "swin_transformer", "swin_transformer_v2"), 8),
    **dict.fromkeys(("convmixer", "swin_transformer_v2_cr", "vitamin"), 8),
    **dict.fromkeys(("cait", "convit", "efficientvit_msra", "gemma4_vit", "levit", "mlp_mixer", "nest", "pit"), 16),
    **dict.fromkeys(("qwen3_vit", "sequencer", "volo"), 16),
    **dict.fromkeys(("qwen3_vit_88m_merge", "qwen3_vit_306m_merge", "qwen3_vit_416m_merge"), 32),  # 2 × 2 patches
    **dict.fromkeys(("mixer_b32_224", "mixer_l32_224"), 32),
    **dict.fromkeys(("vit_tiny_r_s16_p8_224", "vit_tiny_r_s16_p8_384"), 32),  # patches of a map, not of the image
    "inception_v3": 11,  # convolutions without padding
    "byoanet": 32,  # attention in blocks of 8 pixels
    **dict.fromkeys(("halo2botnet50ts_256", "lamhalobotnet50ts_256"), 128),
    "hieradet_sam2": 32,
    "deepseek_vit": 126,
    "efficientformer": 224,
}
# Pattern of a part of a tag, and the collection of images that it stands for.
_TAGS = (
    ("in1k", IMAGENET_1K),
    ("in12k", IMAGENET_12K),
    ("in21k", IMAGENET_21K),
    ("in22k", IMAGENET_21K),
    ("inw21k", IMAGENET_21K),
    # Without a name of their own: DINO, MAE and FCMAE were trained on ImageNet-1k without labels, SSLD with images of
    # ImageNet-22k (arXiv:2103.05959).
    ("ssld", IMAGENET_21K),
    ("dino", IMAGENET_1K),
    ("mae", IMAGENET_1K),
    ("fcmae", IMAGENET_1K),
    ("laion*", "laion"),
    ("openai", "openai_clip"),
    ("webli", "webli"),
    ("datacomp*", "datacomp"),
    ("dfn*", "dfn"),
    ("metaclip*", "metaclip"),
    ("merged2b", "merged2b"),
    ("m38m", "merged38m"),
    ("lvd142m", "lvd142m"),
    ("lvd1689m", "lvd1689m"),
    ("sat493m", "sat493m"),
    ("sa1b", "sa1b"),
    ("jft", "jft"),
    ("ig1b", "instagram"),
    ("swag", "instagram"),
    ("wsl", "instagram"),
    ("seer", "instagram"),
    ("yfcc*", "yfcc100m"),
    ("cc12m", "cc12m"),
)
# Families and models that accept hardly any size but the one they were designed for, because maps of two scales or
# blocks of attention fit only at that size.
_NATIVE_ONLY = ("crossvit", "halonet_h1", "haloregnetz_b")


@hookimpl
def zoo_architectures() -> Iterator[Architecture]:
    """Yield every model that timm lists."""
    version = importlib.metadata.version("timm")
    listing = cached_json(f"timm-{version}-models-{_LISTING}", _list_models)
    for name, facts in listing.items():
        tags: list[str] = facts["tags"]
        yield Architecture(
            name=name,
            build=functools.partial(_build, name=name),
            summary=_summary(facts),
            family=facts["family"],
            source=f"https://github.com/huggingface/pytorch-image-models (timm/models/{facts['family']}.py)",
            namespace="timm",
            version=version,
            native_size=facts["native_size"],
            min_size=_min_size(name, facts),
            adapts_small_images=facts["strided"],
            has_pretrained=bool(tags),
            preparation=functools.partial(_preparation, name=name),
            head=functools.partial(_head, name=name),
            pretraining=functools.partial(_pretraining, name=name),
            check_weights=functools.partial(_check_weights, name=name),
            options=_OPTIONS,
            preload=("torch", "timm"),
        )


def _list_models() -> dict[str, Any]:
    import timm

    return {name: _facts(name, tags_of_models().get(name, [])) for name in timm.list_models()}


def _facts(name: str, tags: list[str]) -> dict[str, Any]:
    import timm

    config = timm.get_pretrained_cfg(name)
    sized = bool(config and config.fixed_input_size)
    return {
        "family": timm.model_entrypoint(name).__module__.rpartition(".")[2],
        "native_size": int(config.input_size[-1]) if config else 224,
        # Networks that declare the size of the map that they pool at the end, and that are not built for a fixed image
        # size, produce it by strided convolutions or pooling.
        "strided": bool(config and config.pool_size) and not sized,
        "tags": tags,
    }


def _summary(facts: dict[str, Any]) -> str:
    tags: list[str] = facts["tags"]
    weights = f"weights {', '.join(tags[:3])}{' …' if len(tags) > 3 else ''}" if tags else "no published weights"
    return f"{facts['native_size']} px, {weights}"


def _min_size(name: str, facts: dict[str, Any]) -> int:
    if name in _NATIVE_ONLY or facts["family"] in _NATIVE_ONLY:
        return int(facts["native_size"])
    if name in _MIN_SIZES:
        return _MIN_SIZES[name]
    if facts["strided"]:
        return _MIN_SIZES.get(facts["family"], 8)
    if patch := re.search(r"patch(\d+)|_[sp](8|14|32)(?:_|$)", name):
        return max(8, int(patch.group(1) or patch.group(2)))
    return _MIN_SIZES.get(facts["family"], 32)


def _build(request: ModelRequest, *, name: str) -> nn.Module:
    """Build a timm model with a new head, or with the published head for 1000 classes and published weights."""
    import timm

    wanted = request.options["weights"]
    if wanted is not None and not request.pretrained:
        raise UsageError(f"model.weights={wanted} needs a recipe that starts from published weights")
    arguments = _arguments(request, name)
    _check(request, name, arguments)
    if not request.pretrained:
        model: nn.Module = timm.create_model(name, **arguments)
    else:
        config = config_of(request.options, name)
        with downloading(config, name):
            overlay = {"file": cached} if (cached := cached_file(config)) else None
            full = f"{name}.{config.tag}" if config.tag else name
            model = timm.create_model(full, pretrained=True, pretrained_cfg_overlay=overlay, **arguments)
    if getattr(model, "num_classes", request.num_classes) != request.num_classes:
        raise UsageError(f"timm/{name} is an encoder without a classification head; choose another model")
    return model


def _arguments(request: ModelRequest, name: str) -> dict[str, Any]:
    import timm

    arguments: dict[str, Any] = {"num_classes": request.num_classes, "in_chans": request.in_channels}
    for option in ("drop_rate", "drop_path_rate"):
        if request.options[option] is not None:
            arguments[option] = share(request.options, option)
    config = timm.get_pretrained_cfg(name)
    # timm declares here which models take the image size as an argument.
    if config and config.fixed_input_size:
        arguments["img_size"] = request.image_size
    return arguments


def _check(request: ModelRequest, name: str, arguments: dict[str, Any]) -> None:
    """Try out the model without weights if the request contains something that not every model accepts.

    Raises:
        UsageError: If it does not accept an option, the number of channels, or images of this size. For models with the
            small-image adaptation, the size is checked there.
    """
    rates = [option for option in ("drop_rate", "drop_path_rate") if option in arguments]
    facts = _facts(name, [])
    native_size: int = facts["native_size"]
    size = native_size if facts["strided"] else request.image_size
    plain = size == native_size and request.in_channels == 3
    if plain and not rates:
        return
    reason = _problem(name, size, arguments)
    if not reason:
        return
    if "unexpected keyword argument" in reason:
        raise UsageError(f"timm/{name} does not take model.{' or model.'.join(rates)}: {reason}")
    # If it fails even at its native size, the attempt on the meta device says nothing about the request.
    if not plain and not _problem(name, native_size, {**arguments, "in_chans": 3}):
        channels = "1 channel" if request.in_channels == 1 else f"{request.in_channels} channels"
        raise UsageError(f"timm/{name} does not take images of {size} × {size} pixels with {channels}: {reason}")


def _problem(name: str, size: int, arguments: dict[str, Any]) -> str:
    """Return what fails for images of *size* pixels, or nothing. On the meta device, nothing is computed."""
    import timm
    import torch

    sized = {**arguments, "img_size": size} if "img_size" in arguments else arguments
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"), torch.no_grad():
            timm.create_model(name, **sized).eval()(torch.zeros(1, arguments["in_chans"], size, size))
    except Exception as error:  # a model may raise anything for unsupported arguments
        return " ".join(str(error).split())[:200] or type(error).__name__
    return ""


def _check_weights(options: Mapping[str, Option], *, name: str) -> None:
    config = config_of(options, name)
    with downloading(config, name):
        cached_file(config)


def _preparation(options: Mapping[str, Option], *, name: str) -> Preparation:
    """Return what the weights were evaluated with: test-time size and crop where they state them."""
    of_model: dict[str, dict[str, Any]] = _preparations().get(name, {})
    tag = chosen_tag(name, list(of_model), options)
    facts = next(iter(of_model.values())) if tag is None else of_model[tag]
    return Preparation(**{**facts, "mean": tuple(facts["mean"]), "std": tuple(facts["std"])})


def _head(options: Mapping[str, Option], *, name: str) -> PublishedHead:
    """Return what the weights classify; timm tells how many classes there are, and publishes no figures in itself."""
    of_model: dict[str, int] = _heads().get(name, {})
    tag = chosen_tag(name, list(of_model), options)
    num_classes = next(iter(of_model.values())) if tag is None else of_model[tag]
    if not num_classes:
        raise UsageError(f"these weights of timm/{name} have no head: they are for features only")
    return PublishedHead(classes=classes_of_head(num_classes))


def _pretraining(options: Mapping[str, Option], *, name: str) -> tuple[str, ...]:
    """Return what the weights were trained on, as their tag says; the labels or targets of a teacher do not count."""
    of_model: dict[str, int] = _heads().get(name, {})
    tag = chosen_tag(name, list(of_model), options)
    return collections_of(next(iter(of_model)) if tag is None else tag)


def collections_of(tag: str) -> tuple[str, ...]:
    """Return the collections that a tag of timm's names, such as ``laion2b_ft_in12k_in1k``; empty if it names none.

    See "Pretrained weights" in timm's documentation for the tags.
    """
    parts = tag.split("_")
    return tuple(dict.fromkeys(known for part in parts for pattern, known in _TAGS if fnmatchcase(part, pattern)))


@functools.cache  # a plan asks for each trial, and reading the file takes as long as all else of planning
def _heads() -> dict[str, Any]:
    return cached_json(f"timm-{importlib.metadata.version('timm')}-models-heads-{_HEADS}", _list_heads)


@functools.cache
def _preparations() -> dict[str, Any]:
    version = importlib.metadata.version("timm")
    return cached_json(f"timm-{version}-models-preparations-{_PREPARATIONS}", _list_preparations)


def _list_heads() -> dict[str, Any]:
    """Return the number of classes of each model's weights by their tags, that of its default weights first."""
    import timm

    found: dict[str, dict[str, int]] = {}
    for full in timm.list_pretrained():
        name, _, tag = full.partition(".")
        default = timm.get_pretrained_cfg(name)
        of_model = found.setdefault(name, {})
        config = timm.get_pretrained_cfg(full)
        num_classes = int(config.num_classes or 0) if config else 0
        is_default = default is not None and (default.tag or "") == tag
        found[name] = {tag: num_classes, **of_model} if is_default else {**of_model, tag: num_classes}
    return found


def _list_preparations() -> dict[str, Any]:
    """Return the preparation of each model's weights by their tags, that of its default weights first."""
    import timm

    found: dict[str, dict[str, Any]] = {}
    for full in timm.list_pretrained():
        name, _, tag = full.partition(".")
        default = timm.get_pretrained_cfg(name)
        facts = _preparation_facts(timm.get_pretrained_cfg(full))
        of_model = found.setdefault(name, {})
        is_default = default is not None and (default.tag or "") == tag
        found[name] = {tag: facts, **of_model} if is_default else {**of_model, tag: facts}
    return found


def _preparation_facts(config: Any) -> dict[str, Any]:
    from timm.data.config import resolve_data_config

    resolved = resolve_data_config({}, pretrained_cfg=config.to_dict(), use_test_size=True)
    known = resolved["interpolation"] in ("nearest", "bilinear", "bicubic", "lanczos")
    return {
        "size": int(resolved["input_size"][-1]),
        "fit": _FITS[resolved["crop_mode"]],
        "crop_share": float(resolved["crop_pct"]),
        "interpolation": resolved["interpolation"] if known else "bicubic",
        "antialias": True,
        "mean": list(resolved["mean"]),
        "std": list(resolved["std"]),
    }
