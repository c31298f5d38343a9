"""scikit-learn's handwritten digits: a small, real dataset that needs no download."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
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

    values_N65 = _rows()  # 64 pixels and the digit
    images_NHWC = np.rint(values_N65[:, :64].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)[..., None]
    labels = values_N65[:, 64].astype(np.int64)
    by_hash = sorted(range(len(labels)), key=lambda index: hashlib.sha256(str(index).encode()).digest())
    is_test = np.zeros(len(labels), dtype=bool)
    for k in range(10):
        members = [index for index in by_hash if labels[index] == k]
        is_test[members[: round(_TEST_FRACTION * len(members))]] = True

    def split(chosen: NDArray[np.bool_]) -> Split:
        indices = np.flatnonzero(chosen)
        return Split(images=images_NHWC[indices], labels=labels[indices], ids=[str(index) for index in indices])

    return Splits(classes=tuple("0123456789"), train=split(~is_test), test=split(is_test))


def _rows() -> NDArray[np.float64]:
    """Return scikit-learn's table of digits, from its file: importing scikit-learn takes as long as importing torch."""
    import numpy as np

    path = Path(str(distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")))
    if path.is_file():
        return np.loadtxt(path, delimiter=",", dtype=np.float64)
    from sklearn.datasets import load_digits as load  # it may be packed, or keep the file elsewhere one day

    bunch = load()
    return np.column_stack([bunch.data, bunch.target])


@hookimpl
def zoo_datasets() -> Iterable[Dataset]:
    """Yield ``digits``."""
    yield Dataset(
        name="digits",
        collections=("digits",),
        load=load_digits,
        summary="handwritten digits, 8×8 grey; comes with scikit-learn, split in halves by a hash",
        source="Alpaydin and Kaynak 1998, https://archive.ics.uci.edu/dataset/80",
        num_classes=10,
        channels=1,
        image_size=8,
        num_train=899,
        num_test=898,
        mirror_symmetric=False,
    )
