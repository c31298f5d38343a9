"""Evaluating: ``zoo.evaluate``, which tests classifiers that exist, without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from zoo.api.benching import BenchOptions, BenchResult, bench
from zoo.names import DEFAULT_RUNS

if TYPE_CHECKING:
    from typing import Unpack

    from zoo.options import Option

AS_PUBLISHED = "as_published"
"""The recipe of rows that are not trained."""
PRECISION = "fp32"
"""Default precision: that of most published figures."""


def evaluate(
    classifiers: str | Sequence[str],
    data: Any,
    *,
    carve_test: bool = False,
    set: Mapping[str, Option] | None = None,
    out: str | PathLike[str] = DEFAULT_RUNS,
    **options: Unpack[BenchOptions],
) -> BenchResult:
    """Test published or imported weights without training, and rank the results, as ``zoo eval`` does.

    The same settings give the same keys, records and predictions as the command.

    Args:
        classifiers: Published weights (``"timm/resnet18.a1_in1k"``), or paths: ``"file:r20.safetensors"``,
            ``"onnx:r20.onnx"``, ``"trial:runs/…"``.
        data: Names of datasets, or images with labels, as for :func:`zoo.bench`.
        carve_test: Whether to test only the images that a bench tests where the source has no splits, instead of all.
        set: Overrides by dotted key: ``{"data.test": "val"}``.
        out: Folder of the records.
        options: See :class:`zoo.api.benching.BenchOptions`; what is about training has no effect.

    Raises:
        ZooError: With every mistake in the settings, or if a classifier does not fit the dataset.
        KeyboardInterrupt: If the user stopped it; what is finished is kept, and the same call continues.
    """
    settings: Any = {"precision": PRECISION, "unsplit_is_test": not carve_test, **options}
    return bench(classifiers, data, AS_PUBLISHED, seeds=1, set=set, out=out, **settings)
