"""Images in folders: ``folder:PATH``, with a folder for each class, and optionally for each split.

::

    PATH/cat/1.jpg                    classes only: validation and test are carved from the images
    PATH/train/cat/1.jpg  PATH/val/…  PATH/test/…       splits; val and test may be missing

:mod:`plugins.datasets._folder_layout` lists the other layouts that are recognised. A class folder may have subfolders.
With ``--set data.groups=true``, images in subfolders with the same name form a group (``PATH/cat/tom/1.jpg`` and
``PATH/dog/tom/7.jpg``), such as a plant or a patient, and groups are never split. An image directly in the class folder
is a group by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from plugins.datasets._assembly import TEST_OPTION, TWINS_OPTION, assemble
from plugins.datasets._files import find_argument
from plugins.datasets._folder_layout import FolderLayout, FoundImage, find_layout
from plugins.datasets._labels import name_classes, name_groups, natural_order, tidy
from zoo import DataRequest, Dataset, Split, Splits, hookimpl
from zoo.errors import DataError


def load_folder(request: DataRequest) -> Splits:
    """Find the images. The id of an image is its path relative to PATH; classes are in natural order.

    Raises:
        DataError: If PATH is not a folder of class folders, or a class has no image in any split.
    """
    root = find_argument(request, "folder")
    if not root.is_dir():
        raise DataError(f"folder: {root} is not a folder")
    found = find_layout(root)
    _check_no_class_is_empty(found)
    source = f"folder: {found.root}"
    classes, index_of, notes = name_classes(found.labels, source=source, twins=request.options.get("twins", "error"))
    grouped = bool(request.options.get("groups", False))
    group_of, group_notes = name_groups(
        {"/".join(image.between) for image in found.images if grouped and image.between}
    )
    images_of: dict[str, list[FoundImage]] = {}
    for image in sorted(found.images, key=lambda image: (index_of[image.label], image.path.parts)):
        images_of.setdefault(image.split, []).append(image)
    if "train" not in images_of:
        raise DataError(f"folder: the train split of {found.root} has no images")
    return assemble(
        classes,
        {name: _split(found, images, index_of, group_of if grouped else None) for name, images in images_of.items()},
        request.options,
        source=source,
        notes=[*found.notes, *notes, *group_notes],
        omissions=found.omissions,
    )


def _check_no_class_is_empty(found: FolderLayout) -> None:
    # Compare tidy names: an empty folder does not matter if another spelling of the same name has images.
    full = {tidy(image.label) for image in found.images}
    empty = natural_order(label for label in found.labels if tidy(label) not in full)
    if empty:
        raise DataError(
            f"folder: no images in the class folder(s) {', '.join(map(repr, empty))} of {found.root}: "
            f"put some there, or remove them{''.join(f'; {each}' for each in found.omissions)}"
        )


def _split(
    found: FolderLayout, images: list[FoundImage], index_of: dict[str, int], group_of: dict[str, str] | None
) -> Split:
    import numpy as np

    depth = len(found.root.parts)
    return Split(
        encoded=[image.path for image in images],
        labels=np.array([index_of[image.label] for image in images], dtype=np.int64),
        ids=["/".join(image.path.parts[depth:]) for image in images],
        groups=None if group_of is None else [_group(image, group_of) for image in images],
    )


def _group(image: FoundImage, group_of: dict[str, str]) -> str:
    """Return the path of the folders between class and image, or a unique name if there are none."""
    return group_of["/".join(image.between)] if image.between else f"/{image.label}/{image.path.name}"


@hookimpl
def zoo_datasets() -> Iterable[Dataset]:
    """Yield ``folder``."""
    yield Dataset(
        name="folder",
        load=load_folder,
        summary="your images in PATH/class/image, or PATH/train/class/image with val and test",
        argument="PATH",
        options={"groups": False, **TEST_OPTION, **TWINS_OPTION},
    )
