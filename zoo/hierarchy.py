"""Class hierarchies: the groups that classes belong to, such as species in genera in families.

Shape suffixes: K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class ClassHierarchy:
    """A tree whose leaves are the classes of a dataset, in their order.

    Raises:
        ValueError: If there is not one row of groups for each class, a name is empty, or a class is also a group.
    """

    classes: tuple[str, ...]
    """Names of the K classes."""
    ancestors: tuple[tuple[str, ...], ...]
    """Names of the groups that each class belongs to, the widest first: ``("animal", "insect")``. Empty for a class
    that belongs to none. Groups of the same name under different ones are different."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "ancestors", tuple(tuple(row) for row in self.ancestors))
        if not self.classes or len(self.ancestors) != len(self.classes):
            raise ValueError(
                f"a class hierarchy names the groups of each class: {len(self.ancestors)} rows of groups for "
                f"{len(self.classes)} classes"
            )
        for name, row in zip(self.classes, self.ancestors, strict=True):
            if not all(row):
                raise ValueError(f"the groups of class {name!r} must have names, got {row!r}")
        groups = {row[:length] for row in self.ancestors for length in range(1, len(row) + 1)}
        for name, row in zip(self.classes, self.ancestors, strict=True):
            if (*row, name) in groups:
                raise ValueError(f"class {name!r} is also a group of other classes: {'/'.join((*row, name))!r}")

    @classmethod
    def from_parents(cls, classes: Sequence[str], parents: Mapping[str, str]) -> ClassHierarchy:
        """Return the hierarchy in which each name is below its parent; a name without one is below the root.

        Raises:
            ValueError: If a name is its own ancestor, or no class has a parent.
        """
        rows = []
        for name in classes:
            row: list[str] = []
            above = parents.get(name, "")
            while above:
                if above in row or above == name:
                    raise ValueError(f"class {name!r} is below {above!r}, which is below itself")
                row.append(above)
                above = parents.get(above, "")
            rows.append(tuple(reversed(row)))
        if not any(rows):
            raise ValueError(f"none of the {len(classes)} classes has a parent, such as {classes[0]!r}")
        return cls(classes=tuple(classes), ancestors=tuple(rows))

    @property
    def num_levels(self) -> int:
        """Number of levels of groups above the lowest class."""
        return max(map(len, self.ancestors))

    @cached_property
    def distances(self) -> NDArray[np.int64]:
        """Edges between two classes by way of their closest common ancestor, ``[K, K]``, read-only.

        0 for the same class, 2 for two of the same group. Such distances grade mistakes (Bertinetto et al., "Making
        Better Mistakes", CVPR 2020).
        """
        import numpy as np

        depth_K = np.array([len(row) + 1 for row in self.ancestors], dtype=np.int64)
        shared_KK = np.zeros((len(depth_K), len(depth_K)), dtype=np.int64)
        for level in range(self.num_levels):
            _, node_K = self.level(level)  # a class without a group there shares its node with no other
            shared_KK += node_K[:, None] == node_K[None, :]
        distances_KK: NDArray[np.int64] = depth_K[:, None] + depth_K[None, :] - 2 * shared_KK
        np.fill_diagonal(distances_KK, 0)
        distances_KK.flags.writeable = False
        return distances_KK

    def level(self, level: int) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """Return the names of the groups at a level, 0 being the widest, and the number of each class's group, ``[K]``.

        A class without a group at that level is a group by itself, under its own name.
        """
        import numpy as np

        number: dict[tuple[str, ...], int] = {}
        node_K = np.empty(len(self.classes), dtype=np.int64)
        for place, (name, row) in enumerate(zip(self.classes, self.ancestors, strict=True)):
            node_K[place] = number.setdefault((*row, name)[: level + 1], len(number))
        return tuple(node[-1] for node in number), node_K
