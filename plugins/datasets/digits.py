"""scikit-learn's handwritten digits: a small, real dataset that needs no download."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from zoo import DataRequest, Dataset, Split, Splits, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Half, as in scikit-learn's own example with this dataset: on a fifth (359 images), even a linear model cannot be
# distinguished from a good network.
_TEST_FRACTION = 0.5


def load_digits(request: DataRequest) -> Splits:
    """Load 1,797 grey images of 8×8 pixels, with values scaled from 0..16 to 0..255.

    The source has no splits. The half of each class whose indices come first by SHA-256 is the test split, which is
    therefore the same everywhere. The writers are unknown, so some of them may be in both splits.
    """
    import numpy as np
    from sklearn.datasets import load_digits as load

    bunch = load()
    images_NHWC = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = bunch.target.astype(np.int64)
    by_hash = sorted(range(len(labels)), key=lambda index: hashlib.sha256(str(index).encode()).digest())
    is_test = np.zeros(len(labels), dtype=bool)
    for k in range(10):
        members = [index for index in by_hash if labels[index] == k]
        is_test[members[: round(_TEST_FRACTION * len(members))]] = True

    def split(chosen: NDArray[np.bool_]) -> Split:
        indices = np.flatnonzero(chosen)
        return Split(images=images_NHWC[indices], labels=labels[indices], ids=[str(index) for index in indices])

    return Splits(classes=tuple("0123456789"), train=split(~is_test), test=split(is_test))


@hookimpl
def zoo_datasets() -> Iterable[Dataset]:
    """Yield ``digits``."""
    yield Dataset(
        name="digits",
        load=load_digits,
        summary="handwritten digits, 8×8 grey; comes with scikit-learn, split in halves by a hash",
        source="Alpaydin and Kaynak 1998, https://archive.ics.uci.edu/dataset/80",
        num_classes=10,
        channels=1,
        image_size=8,
        num_train=899,
        num_test=898,
        mirror_symmetric=False,
        preload=("sklearn.datasets",),
    )
