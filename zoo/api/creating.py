"""Creating: networks, datasets and classifiers by name, with the defaults of their options, and the lists of names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from zoo.api.plugin_choice import PluginChoice, PluginFiles

if TYPE_CHECKING:
    from torch import nn

    from harness.batches.forward_settings import Precision
    from zoo.api.classifiers import Classifier
    from zoo.catalog import Registry
    from zoo.dataset import Splits
    from zoo.options import Option


def create_model(
    name: str,
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    image_size: int | None = None,
    pretrained: bool = False,
    seed: int = 0,
    plugins: PluginFiles = (),
    **options: Option,
) -> nn.Module:
    """Return a network by name, as a trial with the same seed builds it before training.

    Args:
        name: Short or full name.
        num_classes: Number of classes K; the network returns logits ``[B, K]``.
        in_channels: Number of input channels.
        image_size: Side of its input in pixels; None: the size that it was designed for. Below 64 pixels, first strides
            of networks that adapt to small images are reduced, as in a bench.
        pretrained: Whether to load published weights and give them a new head.
        seed: Seed of the initial weights; torch's global generator is left as it was.
        plugins: Plugin files to load beside the installed plugins.
        options: Options of the architecture; those that are not given have their defaults.

    Returns:
        The network in train mode on the CPU.

    Raises:
        UnknownNameError: If there is no such network or option.
        UsageError: If it takes no images of this size, or has no published weights.
        PluginError: If it cannot be built.

    Example:
        >>> import zoo
        >>> net = zoo.create_model("resnet20_cifar", num_classes=10, image_size=32)
        >>> sum(p.numel() for p in net.parameters())
        269722
    """
    from harness.networks.building import build_model
    from harness.planning.small_images import adapts_by_default
    from zoo.architecture import ModelRequest
    from zoo.errors import UsageError
    from zoo.options import resolve_options

    entry = PluginChoice(files=plugins).catalog().architectures.get(name)
    architecture = entry.record
    size = architecture.native_size if image_size is None else image_size
    if size < architecture.min_size:
        raise UsageError(
            f"model {name!r} takes images of at least {architecture.min_size} px, and image_size is {size}"
        )
    if pretrained and not architecture.has_pretrained:
        raise UsageError(f"model {name!r} has no published weights; leave pretrained out")
    request = ModelRequest(
        num_classes=num_classes,
        in_channels=in_channels,
        image_size=size,
        pretrained=pretrained,
        options=resolve_options(architecture.options, options, owner=f"model {entry.display_name}"),
    )
    with _draws_put_back():
        network, _ = build_model(architecture, request, seed=seed, adapt=adapts_by_default(architecture, size))
    return network


def load_dataset(
    name: str,
    *,
    data_root: str | os.PathLike[str] | None = None,
    download: bool = True,
    report: Callable[[str, float | None], None] = lambda message, share: None,
    plugins: PluginFiles = (),
    **options: Option,
) -> Splits:
    """Return the images of a dataset as its source splits them, before a bench carves splits that are missing.

    Args:
        name: Name, with an argument where the dataset takes one: ``folder:photos``.
        data_root: Folder of datasets; None: ``$ZOO_DATA``, else in the cache.
        download: Whether the network may be used.
        report: Called with a sentence and the share done while it downloads or reads.
        plugins: Plugin files to load beside the installed plugins.
        options: Options of the dataset; those that are not given have their defaults.

    Raises:
        UnknownNameError: If there is no such dataset or option.
        DataError: If its files are missing or invalid.

    Example:
        >>> import zoo
        >>> digits = zoo.load_dataset("digits")
        >>> len(digits.classes), digits.train.images.shape[1:]
        (10, (8, 8, 1))
    """
    from harness.planning.request import BenchRequest
    from harness.planning.selection import select_datasets
    from zoo.calling.containment import reported
    from zoo.dataset import DataRequest
    from zoo.files.cache import data_root as resolved_root

    given = {f"data.{key}": value for key, value in options.items()}
    request = BenchRequest.parse({"data": [name], "set": given}, origin="zoo.load_dataset")
    (selected,) = select_datasets(request, PluginChoice(files=plugins).catalog())
    root = resolved_root(None if data_root is None else os.fspath(data_root))
    doing = f"loading dataset {selected.display_name!r}"
    with reported(doing, f"dataset {selected.display_name!r} failed"):
        return selected.entry.record.load(
            DataRequest(
                root=root,
                argument=selected.argument,
                options=selected.options,
                download=download,
                report=report,
            )
        )


def load_classifier(
    path: str | os.PathLike[str],
    *,
    device: str = "auto",
    precision: Precision | None = None,
    batch_size: int | None = None,
    plugins: PluginFiles = (),
) -> Classifier:
    """Load a trained classifier; torch's global generators are left as they were.

    Args:
        path: A trial folder, the checkpoint in it, or a ``.safetensors`` or ``.onnx`` file written by ``zoo export``.
        device: Where it runs: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: Numeric precision: ``fp32``, ``bf16`` or ``fp16``; None: as in testing.
        batch_size: Images per batch; None: as in testing.
        plugins: Plugin files that its network may come from.

    Raises:
        StoreError: If there is none, or it is damaged.
        PluginError: If its network comes from a plugin that is not loaded.
        UsageError: If there is no such device or precision, or the batch size is not at least 1.
    """
    from pathlib import Path

    from harness.system.collection import without_collection

    with without_collection():
        from harness.classifiers.onnx import load_predicting
        from zoo.api.classifiers import Classifier, count_of
    from zoo.errors import UsageError

    if precision not in (None, "fp32", "bf16", "fp16"):
        raise UsageError(f"precision = {precision!r}: expected fp32, bf16 or fp16")
    batch_size = None if batch_size is None else count_of("batch_size", batch_size)
    catalog = PluginChoice(files=plugins).catalog()
    # A recipe may load a teacher in the middle of a training, and again after a resume.
    with _draws_put_back():
        trained, where = load_predicting(Path(path), catalog, device=device, precision=precision)
    return Classifier(trained, device=where, precision=precision, batch_size=batch_size)


def _draws_put_back() -> AbstractContextManager[None]:
    """Return a context after which torch's global generators, which building a network seeds, are as they were."""
    import torch

    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    return torch.random.fork_rng(devices=list(devices))


def list_models(*patterns: str, pretrained: bool | None = None, plugins: PluginFiles = ()) -> list[str]:
    """Return the names of networks that match any pattern, or of all.

    Args:
        patterns: Shell-style patterns: ``"resnet*"``; with a slash, of full names.
        pretrained: Only those with (True) or without (False) published weights.
        plugins: Plugin files to load beside the installed plugins.

    Raises:
        UsageError: If a plugin file does not exist.

    Example:
        >>> import zoo
        >>> zoo.list_models("resnet2*_cifar")
        ['resnet20_cifar']
    """
    registry = PluginChoice(files=plugins).catalog().architectures
    return _names(registry, patterns, lambda record: pretrained is None or record.has_pretrained == pretrained)


def list_datasets(*patterns: str, plugins: PluginFiles = ()) -> list[str]:
    """Return the names of datasets that match any pattern, or of all.

    Args:
        patterns: Shell-style patterns: ``"cifar*"``; with a slash, of full names.
        plugins: Plugin files to load beside the installed plugins.

    Raises:
        UsageError: If a plugin file does not exist.
    """
    return _names(PluginChoice(files=plugins).catalog().datasets, patterns)


def list_recipes(*patterns: str, plugins: PluginFiles = ()) -> list[str]:
    """Return the names of recipes that match any pattern, or of all.

    Args:
        patterns: Shell-style patterns: ``"sgd_*"``; with a slash, of full names.
        plugins: Plugin files to load beside the installed plugins.

    Raises:
        UsageError: If a plugin file does not exist.
    """
    return _names(PluginChoice(files=plugins).catalog().recipes, patterns)


def _names(
    registry: Registry[Any], patterns: Iterable[str], wanted: Callable[[Any], bool] = lambda record: True
) -> list[str]:
    found = [entry for pattern in patterns or ("*", "*/*") for entry in registry.match(pattern)]
    return list(dict.fromkeys(entry.display_name for entry in found if wanted(entry.record)))
