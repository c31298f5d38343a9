"""What a request selects: plugins with the values of their settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.planning.class_mapping import ClassMap
from harness.planning.classifiers import GivenClassifier
from harness.planning.request import BenchRequest
from zoo.architecture import Architecture
from zoo.catalog import Entry
from zoo.dataset import Dataset
from zoo.hyperparameters import Hyperparameters
from zoo.options import Option
from zoo.preparation import Preparation
from zoo.recipe import Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class SelectedArchitecture:
    """An architecture with the values of its options."""

    entry: Entry[Architecture]
    options: Mapping[str, Option]
    tag: str = ""
    """Tag of published weights that its name ended with, as in ``timm/resnet18.a1_in1k``."""

    @property
    def display_name(self) -> str:
        """The architecture's name as a user types it, including the tag."""
        return f"{self.entry.display_name}.{self.tag}" if self.tag else self.entry.display_name


@dataclass(frozen=True, kw_only=True, slots=True)
class SelectedDataset:
    """A dataset with its argument and the values of its options."""

    entry: Entry[Dataset]
    argument: str
    options: Mapping[str, Option]
    asked: Preparation
    """What the user asked for of the images' preparation."""
    bit_depth: int | None

    @property
    def display_name(self) -> str:
        """The dataset's name as a user types it, including the argument."""
        return f"{self.entry.display_name}:{self.argument}" if self.argument else self.entry.display_name


@dataclass(frozen=True, kw_only=True, slots=True)
class SelectedRecipe:
    """A recipe with its resolved hyperparameters."""

    entry: Entry[Recipe]
    hyperparameters: Hyperparameters


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """A request's plugins, found in the catalog."""

    architectures: tuple[SelectedArchitecture, ...]
    classifiers: tuple[GivenClassifier, ...]
    """Classifiers given by a path."""
    class_map: ClassMap
    """How the classes of heads are matched with those of datasets."""
    datasets: tuple[SelectedDataset, ...]
    recipes: tuple[SelectedRecipe, ...]
    seeds: tuple[int, ...]
    request: BenchRequest
