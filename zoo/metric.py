"""Metrics: numbers computed from saved test predictions, so that a new one needs no re-run.

Shape suffixes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from zoo.names import check_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What a trained network said of the test images. Derived arrays are computed once, on demand.

    Raises:
        ValueError: If shapes or ranges do not fit, or a logit is not finite.
    """

    logits: NDArray[np.floating[Any]]
    """``[N, K]``, finite."""
    labels: NDArray[np.int64]
    """``[N]``, values in ``[0, K)``."""
    classes: tuple[str, ...]
    """K class names."""

    def __post_init__(self) -> None:
        import numpy as np

        shape = (len(self.labels), len(self.classes))
        if self.logits.shape != shape:
            raise ValueError(f"logits must be {list(shape)}, got {list(self.logits.shape)}")
        if len(self.labels) == 0:
            raise ValueError("there are no predictions")
        if not np.isfinite(self.logits).all():
            raise ValueError("logits must be finite")
        if self.labels.min() < 0 or self.labels.max() >= shape[1]:
            raise ValueError("labels must be in [0, number of classes)")

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Softmax of the logits, ``[N, K]`` in float64."""
        import numpy as np

        logits = self.logits.astype(np.float64)
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
        return probabilities

    @cached_property
    def confusion(self) -> NDArray[np.float64]:
        """Expected confusion matrix ``[K, K]``: rows are true classes, columns are predicted ones.

        Where m logits share the maximum, each of their classes is predicted with weight 1/m: the expected
        value over random tie-breaks. A constant model thus scores at chance, whatever the order of classes.
        """
        import numpy as np

        is_top = self.logits == self.logits.max(axis=1, keepdims=True)
        weights = is_top / is_top.sum(axis=1, keepdims=True)
        confusion = np.zeros((len(self.classes), len(self.classes)))
        np.add.at(confusion, self.labels, weights)
        return confusion


@dataclass(frozen=True, slots=True)
class KnownCase:
    """A value that was worked out by hand, for ``zoo check`` to hold the metric to."""

    logits: Sequence[Sequence[float]]
    """``[N, K]``."""
    labels: Sequence[int]
    """``[N]``, values in ``[0, K)``."""
    value: Any
    """What ``compute`` must return: a float, or nested lists as the metric's kind says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A number, a list per class or a matrix, computed from predictions."""

    name: str
    """Its name: ``macro_f1``."""
    compute: Callable[[Predictions], Any]
    """Returns a float, or nested lists of floats as ``kind`` says. NaN means: not defined for these
    predictions; it is shown as missing and never averaged."""
    summary: str = ""
    """One line for ``zoo list``."""
    source: str = ""
    """The paper or page it comes from."""
    namespace: str = ""
    """First half of its full name; empty means the plugin's own name."""
    short: bool = True
    """Whether it may be selected by ``name`` alone."""
    version: int = 1
    """Raised whenever the same predictions give another value; records say which one they have."""
    kind: str = "scalar"
    """``scalar``, ``per_class`` (K values) or ``matrix`` (K × K)."""
    higher_is_better: bool = True
    """Which way to sort."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """Smallest and largest possible value."""
    unit: str = ""
    """``"%"`` where the table shows 100 times the value; empty for a plain number."""
    binary_only: bool = False
    """Whether it is defined for two classes only, class 1 being the positive one."""
    known_cases: tuple[KnownCase, ...] = ()
    """Values worked by hand."""

    def __post_init__(self) -> None:
        check_name(self.name, "metric name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        if not callable(self.compute):
            raise ValueError(f"metric {self.name!r}: compute must be callable")
        if self.kind not in ("scalar", "per_class", "matrix"):
            raise ValueError(f"metric {self.name!r}: kind must be scalar, per_class or matrix, not {self.kind!r}")
