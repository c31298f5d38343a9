"""Pretraining: which collections of images weights were trained on, and whether test images come from one of them.

Collections have plain names, such as ``imagenet1k``. A plugin may use others: two names match if they are equal. What
is known of some is below: which of them contain others, and which were gathered from the web in such amounts that
nobody can say what is in them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

IMAGENET_1K = "imagenet1k"
"""The 1.28 million training images of ILSVRC 2012; its 50,000 validation images are not among them."""
IMAGENET_12K = "imagenet12k"
IMAGENET_21K = "imagenet21k"
"""ImageNet with 21,841 classes, in any release; the training images of ImageNet-1k are part of it."""

CONTAINS: Mapping[str, tuple[str, ...]] = {
    IMAGENET_21K: (IMAGENET_12K, IMAGENET_1K),
    IMAGENET_12K: (IMAGENET_1K,),
    # Oquab et al. 2023 (arXiv:2304.07193), table 15: both are part of it.
    "lvd142m": (IMAGENET_21K, IMAGENET_12K, IMAGENET_1K),
    # Fang et al. 2023 (arXiv:2303.11331), table 3: ImageNet-21K with photos of seven other datasets.
    "merged38m": (IMAGENET_21K, IMAGENET_12K, IMAGENET_1K),
}
"""By collection: those that are part of it, at least for the most part."""

FROM_THE_WEB = frozenset(
    {
        "laion", "openai_clip", "webli", "datacomp", "dfn", "metaclip", "merged2b", "lvd142m", "lvd1689m", "jft",
        "instagram", "yfcc100m", "cc12m", "merged38m", "sat493m", "sa1b",
    }
)  # fmt: skip
"""Collections that may contain any image that was ever on the web."""


class Seen(StrEnum):
    """Whether weights were trained on the test images, or on the collection that these come from."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def seen(pretraining: Collection[str], test_images: Collection[str]) -> Seen:
    """Tell whether pretraining saw the collections that test images come from, as far as both are declared.

    It is unknown if either is not declared, if the weights saw images gathered from the web, or if the test images come
    from a collection of which the weights saw a part.

    Args:
        pretraining: Collections that the weights were trained on; empty: unknown.
        test_images: Collections that the test images come from; empty: unknown.
    """
    whole = {part for name in pretraining for part in (name, *CONTAINS.get(name, ()))}
    if whole & set(test_images):
        return Seen.YES
    partly = {part for name in test_images for part in CONTAINS.get(name, ())} & whole
    if not pretraining or not test_images or partly or whole & FROM_THE_WEB:
        return Seen.UNKNOWN
    return Seen.NO
