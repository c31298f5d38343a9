"""A published dataset: its name, its files and where they are downloaded from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo import Splits
from zoo.options import Option


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """A file of a dataset."""

    urls: tuple[str, ...]
    """Addresses of the same bytes, best first."""
    md5: str = ""
    """MD5 published by the authors or torchvision; empty if there is none. It detects damage, but only weakly protects
    against tampering by a mirror."""
    folder: str = ""
    """Folder to store and unpack the file in, relative to the data root."""
    unpack: bool = True
    """Whether the file is a tar or zip archive to unpack."""

    @property
    def filename(self) -> str:
        """Last part of the address."""
        return self.urls[0].rpartition("/")[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A published dataset: its name, files and download addresses."""

    name: str
    summary: str
    source: str
    layout: str
    """File or folder, relative to the data root, that exists if the dataset does; ``{}`` stands for an option."""
    read: Callable[[Path, dict[str, Option]], Splits]
    resources: tuple[Resource, ...] = ()
    hints: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the :class:`Dataset`."""
    choices: Mapping[str, tuple[Option, ...]] = field(default_factory=dict)
    """Values of each option; the first one is the default."""
    test_labels: str = ""
    """SHA-256 of the test labels in the published order, a byte each, by which a copy in another order is recognised;
    empty if it is not known here."""

    @property
    def defaults(self) -> dict[str, Option]:
        return {name: values[0] for name, values in self.choices.items()}
