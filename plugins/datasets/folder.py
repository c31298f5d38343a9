"""Images in folders: ``folder:PATH``, with a folder for each class, and optionally for each split.

::

    PATH/cat/1.jpg                    classes only: validation and test are carved from the images
    PATH/train/cat/1.jpg  PATH/val/…  PATH/test/…       splits; val and test may be missing

:mod:`plugins.datasets._folder_layout` lists the other layouts that are recognised. A class folder may have subfolders.
With ``--set data.groups=true``, images in subfolders with the same name form a group (``PATH/cat/tom/1.jpg`` and
``PATH/dog/tom/7.jpg``), such as a plant or a patient, and groups are never split. An image directly in the class folder
is a group by itself. With ``--set data.hierarchy=folders``, each folder that holds images is a class instead, and the
folders that it is in are its place in the class hierarchy (``PATH/animal/insect/ant/1.jpg``); ``data.hierarchy=FILE``
names a CSV file in PATH with the parent of each class and group.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from plugins.datasets._assembly import TEST_OPTION, TWINS_OPTION, assemble
from plugins.datasets._files import find_argument
from plugins.datasets._folder_layout import FolderLayout, FoundFolder, find_layout
from plugins.datasets._hierarchy import FOLDERS, from_file, from_groups
from plugins.datasets._labels import name_classes, name_groups, natural_order, tidy
from plugins.datasets._paths_below import PathsBelow
from zoo import ClassHierarchy, DataRequest, Dataset, Split, Splits, hookimpl
from zoo.errors import DataError, UsageError
from zoo.files.foreign_files import kind_of
from zoo.files.image_tree import ImageFolder


def load_folder(request: DataRequest) -> Splits:
    """Find the images. The id of an image is its path relative to PATH; classes are in natural order.

    Raises:
        DataError: If PATH is not a folder of class folders, or a class has no image in any split.
    """
    root = find_argument(request, "folder")
    if not root.is_dir():
        raise DataError(f"folder: {root} {kind_of(root) or 'is not a folder'}")
    stated = str(request.options.get("hierarchy") or "")
    grouped = bool(request.options.get("groups", False))
    if stated == FOLDERS and grouped:
        raise UsageError(
            "data.groups and data.hierarchy=folders both give a meaning to folders inside folders: choose one"
        )
    found = find_layout(root, nested=stated == FOLDERS, grouped=grouped)
    _check_no_class_is_empty(found)
    source = f"folder: {found.root}"
    classes, index_of, notes = name_classes(found.labels, source=source, twins=request.options.get("twins", "error"))
    group_of, group_notes = name_groups({"/".join(each.between) for each in found.folders if grouped and each.between})
    folders_of: dict[str, list[FoundFolder]] = {}
    for each in sorted(found.folders, key=lambda each: index_of[each.label]):
        folders_of.setdefault(each.split, []).append(each)
    if "train" not in folders_of:
        raise DataError(f"folder: the train split of {found.root} has no images")
    return assemble(
        classes,
        {
            name: _split(found.root, folders, index_of, group_of if grouped else None)
            for name, folders in folders_of.items()
        },
        request.options,
        source=source,
        notes=[*found.notes, *notes, *group_notes],
        omissions=found.omissions,
        hierarchy=_hierarchy(found, classes, index_of, stated, root),
    )


def _hierarchy(
    found: FolderLayout, classes: tuple[str, ...], index_of: dict[str, int], stated: str, root: Path
) -> ClassHierarchy | None:
    if stated and stated != FOLDERS:
        return from_file(root / stated, classes)
    hierarchy = from_groups(
        classes, index_of, ((each.label, each.above) for each in found.folders), source=f"folder: {found.root}"
    )
    if stated and hierarchy is None:
        raise DataError(f"folder: data.hierarchy=folders, but no class folder of {found.root} is inside another folder")
    return hierarchy


def _check_no_class_is_empty(found: FolderLayout) -> None:
    # Compare tidy names: an empty folder does not matter if another spelling of the same name has images.
    full = {tidy(each.label) for each in found.folders}
    empty = natural_order(label for label in found.labels if tidy(label) not in full)
    if empty and len(full) == 1:
        raise DataError(
            f"folder: {found.root} must hold a folder of images for each class; only {next(iter(full))!r} of its "
            f"folders holds images, and {', '.join(map(repr, empty))} none (csv:PATH reads labels from a table)"
        )
    if empty:
        raise DataError(
            f"folder: no images in the class folder(s) {', '.join(map(repr, empty))} of {found.root}: "
            f"put some there, or remove them{''.join(f'; {each}' for each in found.omissions)}"
        )


def _split(root: Path, folders: list[FoundFolder], index_of: dict[str, int], group_of: dict[str, str] | None) -> Split:
    """Return the images of *folders*, which are in the order of their classes."""
    import numpy as np

    labels: list[int] = []
    ids: list[str] = []
    groups: list[str] = []
    for index, of_class in groupby(folders, key=lambda each: index_of[each.label]):
        for folder, names in _in_order(list(of_class)):
            labels += [index] * len(names)
            prefix = "".join(f"{part}/" for part in folder.content.path.parts[len(root.parts) :])
            ids += [prefix + name for name in names]
            if group_of is not None:
                groups += _groups(folder, names, group_of)
    return Split(
        encoded=PathsBelow(root, ids),
        labels=np.array(labels, dtype=np.int64),
        ids=ids,
        groups=None if group_of is None else groups,
        signature=_signature(root, folders),
    )


def _in_order(folders: list[FoundFolder]) -> Iterable[tuple[FoundFolder, Sequence[str]]]:
    """Yield folders and names of images in them, so that the images are in the order of their paths."""
    if len(folders) == 1:  # as nearly always, and names are in order already
        return [(folders[0], folders[0].content.images)]
    each = [(folder.content.path.parts, name, folder) for folder in folders for name in folder.content.images]
    each.sort(key=lambda found: (*found[0], found[1]))
    return ((folder, [name for _, name, _ in some]) for folder, some in groupby(each, key=lambda found: found[2]))


def _groups(folder: FoundFolder, names: Sequence[str], group_of: dict[str, str]) -> list[str]:
    """Return the path of the folders between class and images, or a unique name for each image if there are none."""
    if folder.between:
        return [group_of["/".join(folder.between)]] * len(names)
    return [f"/{folder.label}/{name}" for name in names]


def _signature(root: Path, folders: list[FoundFolder]) -> str:
    """Return a hash of the sizes and times of all images, or nothing if one is missing: reading it will name it."""
    digest = hashlib.sha256(os.fsencode(root.absolute()))
    try:
        for folder in folders:
            digest.update(folder.content.states or _states(folder.content))
    except OSError:
        return ""
    return digest.hexdigest()


def _states(content: ImageFolder) -> bytes:
    found = [(content.path / name).stat() for name in content.images]
    return "".join(f"{each.st_size} {each.st_mtime_ns}\n" for each in found).encode()


@hookimpl
def zoo_datasets() -> Iterable[Dataset]:
    """Yield ``folder``."""
    yield Dataset(
        name="folder",
        load=load_folder,
        summary="your images in PATH/class/image, or PATH/train/class/image with val and test",
        argument="PATH",
        options={"groups": False, "hierarchy": "", **TEST_OPTION, **TWINS_OPTION},
    )
