"""Metrics: numbers computed from saved test predictions, so that a new one needs no re-run.

Shape suffixes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from zoo.dependencies import check_dependencies
from zoo.hierarchy import ClassHierarchy
from zoo.names import check_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEEDS = {
    "ids": "ids of the images",
    "groups": "groups of the images",
    "hierarchy": "a class hierarchy",
    "features": "features of the images",
}
"""What a metric can ask for (:attr:`Metric.needs`), in words: fields of :class:`Predictions`, None for all others."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """Logits and labels of the test images. Derived arrays are computed once, on demand; all arrays are read-only.

    Raises:
        ValueError: If a shape or range is invalid, or a logit is not finite.
    """

    logits: NDArray[np.floating[Any]]
    """Finite logits ``[N, K]``."""
    labels: NDArray[np.int64]
    """Labels ``[N]`` in ``[0, K)``."""
    classes: tuple[str, ...]
    """Names of the K classes."""
    samples: NDArray[np.uint64] | None = None
    """Numbers of the images ``[N]``, hashes of their ids: the same image has the same number in every trial on the
    dataset. None for predictions that come from no trial, as those of the kit may."""
    has_scores: bool = True
    """Whether the logits are a network's; False if only the predicted class of each image is known, whose logit is 1
    while all others are 0. Metrics that need scores are then left out."""
    validation: Predictions | None = None
    """Predictions of the same weights for the validation images, on which a metric may choose a temperature or a
    threshold; None if there are none, as in trials of earlier versions."""
    ids: tuple[str, ...] | None = None
    """Names of the N images in the dataset, such as paths. This and the next two are for metrics that ask for them
    (:attr:`Metric.needs`), and None for all others."""
    groups: NDArray[np.uint64] | None = None
    """Number of the group of each image (a patient, a plant), ``[N]``: hashes of their names, equal in every trial."""
    hierarchy: ClassHierarchy | None = None
    """The groups that classes belong to."""
    features: NDArray[np.floating[Any]] | None = None
    """What the network's classifier is given for each image, ``[N, D]``, finite. For metrics that ask for them, with
    which trials then save them; None for all others, and for networks without a classifier of their own."""

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
        object.__setattr__(self, "logits", _read_only(self.logits))
        object.__setattr__(self, "labels", _read_only(self.labels))
        for name in ("samples", "groups"):
            numbers = getattr(self, name)
            if numbers is None:
                continue
            if numbers.shape != self.labels.shape:
                raise ValueError(f"{name} must be {list(self.labels.shape)}, got {list(numbers.shape)}")
            object.__setattr__(self, name, _read_only(numbers))
        if self.features is not None:
            if self.features.ndim != 2 or len(self.features) != shape[0]:
                raise ValueError(f"features must be [{shape[0]}, D], got {list(self.features.shape)}")
            if not np.isfinite(self.features).all():
                raise ValueError("features must be finite")
            object.__setattr__(self, "features", _read_only(self.features))
        if self.ids is not None:
            object.__setattr__(self, "ids", tuple(self.ids))
            if len(self.ids) != len(self.labels):
                raise ValueError(f"{len(self.ids)} ids for {len(self.labels)} images")
        if self.hierarchy is not None and self.hierarchy.classes != self.classes:
            raise ValueError("the hierarchy must be of the same classes, in the same order")
        if self.validation is not None and self.validation.classes != self.classes:
            raise ValueError("predictions for validation images must be of the same classes")

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.integer[Any]]) -> Predictions:
        """Return the predictions for some of the images.

        Args:
            chosen: A mask ``[N]``, or places of images in the wanted order.
        """
        import numpy as np

        places = np.arange(len(self.labels))[chosen]
        return replace(
            self,
            logits=self.logits[places],
            labels=self.labels[places],
            samples=None if self.samples is None else self.samples[places],
            ids=None if self.ids is None else tuple(self.ids[place] for place in places.tolist()),
            groups=None if self.groups is None else self.groups[places],
            features=None if self.features is None else self.features[places],
        )

    def limited_to(self, needs: Collection[str]) -> Predictions:
        """Return the predictions without what a metric has not asked for."""
        dropped: dict[str, Any] = {
            name: None for name in NEEDS if name not in needs and getattr(self, name) is not None
        }
        if not dropped and self.validation is None:
            return self
        return replace(
            self,
            validation=None if self.validation is None else self.validation.limited_to(needs),
            **dropped,
        )

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Softmax of the logits, ``[N, K]`` in float64."""
        import numpy as np

        logits = self.logits.astype(np.float64)
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
        return _read_only(probabilities)

    @cached_property
    def confusion(self) -> NDArray[np.float64]:
        """Expected confusion matrix ``[K, K]``: rows are true classes, columns are predicted ones.

        If m logits share the maximum, each of their classes is predicted with weight 1/m, the expected value over
        random tie-breaks. A constant model thus scores at chance in any order of classes.
        """
        import numpy as np

        is_top = self.logits == self.logits.max(axis=1, keepdims=True)
        weights = is_top / is_top.sum(axis=1, keepdims=True)
        confusion = np.zeros((len(self.classes), len(self.classes)))
        np.add.at(confusion, self.labels, weights)
        return _read_only(confusion)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, slots=True)
class KnownCase:
    """A value worked out by hand that ``zoo check`` compares the metric with."""

    logits: Sequence[Sequence[float]]
    """Logits ``[N, K]``."""
    labels: Sequence[int]
    """Labels ``[N]`` in ``[0, K)``."""
    value: Any
    """Value that ``compute`` must return: a float, or nested lists for the other kinds."""
    classes: Sequence[str] = ()
    """Names of the K classes, for a metric that depends on them, such as one of a hierarchy; the other checks then use
    these classes as well. Empty: ``class 0``, ``class 1`` and so on."""
    val_logits: Sequence[Sequence[float]] = ()
    """Logits of validation images, for a metric that chooses something on them; empty: those of ``zoo check``."""
    val_labels: Sequence[int] = ()
    ids: Sequence[str] = ()
    """Ids of the N images, for a metric that needs them; empty: ``image 0``, ``image 1`` and so on."""
    groups: Sequence[int] = ()
    """Number of each image's group, for a metric that needs groups; empty: every four images are one."""
    hierarchy: Sequence[Sequence[str]] = ()
    """Groups of each of ``classes``, the widest first, for a metric that needs a hierarchy; the other checks then use
    it as well. Empty: classes alternate between two groups."""
    features: Sequence[Sequence[float]] = ()
    """Features ``[N, D]``, for a metric that needs them; empty: the logits and their squares."""

    def __post_init__(self) -> None:
        if self.classes and any(len(row) != len(self.classes) for row in self.logits):
            raise ValueError(f"a known case with {len(self.classes)} class names needs as many logits for each image")
        for name in ("ids", "groups", "features"):
            if getattr(self, name) and len(getattr(self, name)) != len(self.labels):
                raise ValueError(f"a known case with {len(self.labels)} labels needs as many {name}")
        if self.hierarchy and len(self.hierarchy) != len(self.classes):
            raise ValueError("a known case with a hierarchy needs the groups of each of its classes, and their names")


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A metric computed from predictions: a number, a value per class, or a matrix."""

    name: str
    """Name within its namespace: ``macro_f1``."""
    compute: Callable[[Predictions], Any]
    """Returns a float, or nested lists of floats for the other kinds. NaN means that the metric is undefined for these
    predictions; it is shown as missing and never averaged."""
    summary: str = ""
    """One line that ``zoo list`` shows."""
    source: str = ""
    """Paper or page that describes it."""
    namespace: str = ""
    """First half of its full name; empty: the name of the plugin."""
    short: bool = True
    """Whether it can be selected by ``name`` alone."""
    libraries: tuple[str, ...] = ()
    """Distributions that it needs beyond those of zoo; a bench says before it trains anything which of them
    are not installed."""
    version: int = 1
    """Version of its definition, stored in records; increase it whenever the same predictions give another value."""
    kind: str = "scalar"
    """Shape of its value: ``scalar``, ``per_class`` (K values) or ``matrix`` (K × K)."""
    higher_is_better: bool = True
    """Whether higher values are better."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """Smallest and largest possible value."""
    unit: str = ""
    """``"%"`` if tables show 100 times the value; empty for a plain number."""
    binary_only: bool = False
    """Whether it is defined for two classes only, with class 1 as the positive class."""
    needs_scores: bool = True
    """Whether it depends on more than the predicted class of each image; it is then left out for predictions that are
    only classes. False for what follows from the confusion matrix, such as the accuracy."""
    needs: tuple[str, ...] = ()
    """What else it is computed from: ``ids``, ``groups``, ``hierarchy`` or ``features``, fields of the predictions that
    are None for a metric that does not name them here. It is left out for predictions that lack one of them."""
    influence: Callable[[Predictions], Any] | None = None
    """Returns ``[N]``: the value of the metric plus how far each image moves it, so that their mean is the value; for a
    mean over images, the values of the images. Intervals and tests of ranks are based on it. None: groups of images are
    left out in turn instead, which takes a hundred times as long as ``compute``."""
    of_influence: Callable[[float], float] | None = None
    """Turns the mean of ``influence`` into the metric, if that is on another scale, such as the square of a distance;
    it must not decrease. None: they are the same."""
    is_smooth: bool = True
    """Whether an image more or less moves it by about 1/N; False for a threshold, a median or the best of several
    values, which have neither interval nor ranks."""
    known_cases: tuple[KnownCase, ...] = ()
    """Values worked out by hand."""

    def __post_init__(self) -> None:
        check_name(self.name, "metric name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        if not callable(self.compute):
            raise ValueError(f"metric {self.name!r}: compute must be callable")
        check_dependencies((), self.libraries, f"metric {self.name!r}")
        if self.kind not in ("scalar", "per_class", "matrix"):
            raise ValueError(f"metric {self.name!r}: kind must be scalar, per_class or matrix, not {self.kind!r}")
        unknown = [each for each in self.needs if each not in NEEDS]
        if unknown:
            given = ", ".join(map(repr, unknown))
            raise ValueError(f"metric {self.name!r}: needs is a tuple of {', '.join(NEEDS)}, got {given}")

    def lacks(self, predictions: Predictions) -> tuple[str, ...]:
        """Return what it needs and *predictions* do not have, in words."""
        return tuple(NEEDS[name] for name in self.needs if getattr(predictions, name) is None)
