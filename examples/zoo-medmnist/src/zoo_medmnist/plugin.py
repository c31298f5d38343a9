"""The plugin. ``medmnist`` imports torch, so it is imported only when a dataset is loaded.

That is why the facts about each dataset are repeated here; a test compares them with ``medmnist``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from zoo import DataRequest, Dataset, Splits, hookimpl


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Facts about a dataset that are known without reading it."""

    summary: str
    num_classes: int
    channels: int
    num_train: int
    num_test: int
    mirror_symmetric: bool = True


def _organs(view: str, num_train: int, num_test: int) -> Facts:
    """Return the facts about one of the three views of the same scans."""
    return Facts(
        summary=f"11 organs in CT, {view} view",
        num_classes=11,
        channels=1,
        num_train=num_train,
        num_test=num_test,
        mirror_symmetric=False,  # a mirrored left kidney looks like a right one, and both are classes
    )


FACTS = {
    "pathmnist": Facts(
        summary="9 kinds of colon tissue under the microscope",
        num_classes=9,
        channels=3,
        num_train=89996,
        num_test=7180,
    ),
    "dermamnist": Facts(
        summary="7 kinds of pigmented skin lesions", num_classes=7, channels=3, num_train=7007, num_test=2005
    ),
    "octmnist": Facts(
        summary="4 diagnoses in retinal sections (OCT)", num_classes=4, channels=1, num_train=97477, num_test=1000
    ),
    "pneumoniamnist": Facts(
        summary="pneumonia in chest X-rays of children", num_classes=2, channels=1, num_train=4708, num_test=624
    ),
    "retinamnist": Facts(
        summary="5 grades of diabetic retinopathy, as classes",
        num_classes=5,
        channels=3,
        num_train=1080,
        num_test=400,
    ),
    "breastmnist": Facts(
        summary="malignancy in breast ultrasound", num_classes=2, channels=1, num_train=546, num_test=156
    ),
    "bloodmnist": Facts(summary="8 kinds of blood cells", num_classes=8, channels=3, num_train=11959, num_test=3421),
    "tissuemnist": Facts(
        summary="8 kinds of kidney cortex cells", num_classes=8, channels=1, num_train=165466, num_test=47280
    ),
    "organamnist": _organs("axial", 34561, 17778),
    "organcmnist": _organs("coronal", 12975, 8216),
    "organsmnist": _organs("sagittal", 13932, 8827),
}


def load_medmnist(request: DataRequest, *, name: str) -> Splits:
    """Load a dataset with MedMNIST's own splits, at the image side that the option ``size`` sets."""
    from zoo_medmnist.files import find_file, read_splits

    return read_splits(find_file(request, name), name)


@hookimpl
def zoo_datasets() -> Iterator[Dataset]:
    for name, facts in FACTS.items():
        yield Dataset(
            name=name,
            load=functools.partial(load_medmnist, name=name),
            summary=facts.summary,
            source="https://arxiv.org/abs/2110.14795",
            num_classes=facts.num_classes,
            channels=facts.channels,
            num_train=facts.num_train,
            num_test=facts.num_test,
            mirror_symmetric=facts.mirror_symmetric,
            options={"size": 28},
        )
