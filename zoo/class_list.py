"""Class lists: the classes of a head in the order of its logits, by name and, where they have them, by identifier."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from zoo.files.cache import cached_json

_LISTING = 1  # incremented whenever the cached facts change

IMAGENET = {
    1000: "imagenet-1k",
    11221: "imagenet-21k-miil",
    11821: "imagenet-12k",
    21841: "imagenet-22k",
    21842: "imagenet-22k-ms",
    21843: "imagenet-21k-goog",
}
"""Names of ImageNet's class lists, as timm calls them, by their number of classes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassList:
    """Classes in the order of the logits.

    Raises:
        ValueError: If names or identifiers are missing.
    """

    names: tuple[str, ...]
    """Name of each class. Several names of one class are separated by commas, as in ImageNet's."""
    ids: tuple[str, ...] = ()
    """Identifier of each class, such as WordNet's (``n02219486``); empty: there are none."""

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("a class list must name at least one class")
        if self.ids and len(self.ids) != len(self.names):
            raise ValueError(f"a class list has {len(self.names)} names and {len(self.ids)} identifiers")

    def __len__(self) -> int:
        return len(self.names)


@functools.cache
def imagenet_classes(name: str = "imagenet-1k") -> ClassList:
    """Return ImageNet's classes with their WordNet names and identifiers, which come with timm.

    Args:
        name: One of the names in :data:`IMAGENET`.
    """
    import importlib.metadata

    version = importlib.metadata.version("timm")
    found: dict[str, list[str]] = cached_json(f"timm-{version}-classes-{name}-{_LISTING}", lambda: _read(name))
    return ClassList(names=tuple(found["names"]), ids=tuple(found["ids"]))


def classes_of_head(num_classes: int) -> ClassList:
    """Return the classes of a head that is known by their number: ImageNet's, or else numbers for names."""
    if num_classes in IMAGENET:
        return imagenet_classes(IMAGENET[num_classes])
    return ClassList(names=tuple(str(number) for number in range(num_classes)))


def _read(name: str) -> dict[str, Any]:
    from timm.data.imagenet_info import ImageNetInfo

    info: Any = ImageNetInfo(name)
    return {"names": list(info.label_descriptions()), "ids": list(info.label_names())}
