"""Published weights of timm's models: which there are, where they come from, and where they are kept."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from plugins.architectures import weights
from plugins.architectures.weights import check_reachable, is_cached_by_torch
from zoo.errors import UnknownNameError, UsageError
from zoo.names import near_names
from zoo.options import Option


@functools.cache
def tags_of_models() -> dict[str, list[str]]:
    """Return the tags of published weights by model. Asking timm for those of one model takes as long as for all."""
    import timm

    tags: dict[str, list[str]] = {}
    for full in timm.list_pretrained():
        name, _, tag = full.partition(".")
        tags.setdefault(name, []).append(tag)
    return tags


def downloading(config: Any, name: str) -> AbstractContextManager[None]:
    """Report a failure to load weights under the name of the model, in one sentence with advice."""
    place, advice = _whereabouts(config)
    return weights.downloading(f"the published weights of timm/{name} ({place})", advice)


def config_of(options: Mapping[str, Option], name: str) -> Any:
    """Return timm's configuration of the weights that the options name; errors are those of :func:`chosen_tag`."""
    import timm

    tag = chosen_tag(name, tags_of_models().get(name, []), options)
    return timm.get_pretrained_cfg(name if tag is None else f"{name}.{tag}")


def chosen_tag(name: str, tags: list[str], options: Mapping[str, Option]) -> str | None:
    """Return the tag that the options name; None: the model's first one.

    Raises:
        UsageError: If the model has no published weights, or none with that tag.
    """
    tag = options["weights"]
    if not tags:
        raise UsageError(f"timm/{name} has no published weights; choose a recipe that trains from scratch")
    if tag is not None and tag not in tags:
        raise UnknownNameError(
            f"weights tag of timm/{name}", str(tag), near=near_names(str(tag), tags), hint=f"(it has {', '.join(tags)})"
        )
    return None if tag is None else str(tag)


def _whereabouts(config: Any) -> tuple[str, str]:
    """Return where published weights come from, and what to do if they cannot be downloaded."""
    if config.hf_hub_id:
        from huggingface_hub.constants import HF_HUB_CACHE

        return f"{config.hf_hub_id} on the Hugging Face Hub", (
            f"on a machine with a network, run: hf download {config.hf_hub_id}, copy its folder into {HF_HUB_CACHE} "
            "(HF_HOME moves that folder)"
        )
    from torch.hub import get_dir

    return f"{config.url}", f"put that file into {get_dir()}/checkpoints (TORCH_HOME moves that folder)"


def cached_file(config: Any) -> str | None:
    """Return the cached file with published weights from the Hub, or None if timm should find them itself.

    Given the file, timm does not ask the Hub for a newer one, which takes most of a minute without a network.

    Raises:
        ConnectionError: If there is no file, and its host cannot be reached or must not be asked.
    """
    if not config.hf_hub_id:
        if config.url and not config.file and not is_cached_by_torch(config.url):
            check_reachable(config.url)
        return None
    from huggingface_hub import constants, try_to_load_from_cache

    names = [config.hf_hub_filename] if config.hf_hub_filename else ["model.safetensors", "pytorch_model.bin"]
    for file in names:
        found = try_to_load_from_cache(config.hf_hub_id, file, cache_dir=constants.HF_HUB_CACHE)
        if isinstance(found, str):
            # timm reads weights in special formats itself.
            return None if config.custom_load else found
    if constants.HF_HUB_OFFLINE:
        raise ConnectionError("HF_HUB_OFFLINE is set")
    check_reachable(constants.ENDPOINT)
    return None
