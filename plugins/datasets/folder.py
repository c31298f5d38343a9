"""Images in folders: ``folder:PATH``, with a folder for each class, and for each split where there are any.

::

    PATH/cat/1.jpg                    classes only: validation and test are carved off
    PATH/train/cat/1.jpg  PATH/val/…  PATH/test/…       splits; val and test may be missing

A class folder may hold folders of its own. With ``--set data.groups=true`` images that lie in folders of one name below
their class belong together (``PATH/cat/tom/1.jpg`` and ``PATH/dog/tom/7.jpg``: one plant, one patient) and are
never split apart; an image that lies in the class folder itself is a group of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from plugins.datasets._files import find_argument
from zoo import DataRequest, Dataset, Split, Splits, hookimpl
from zoo.errors import DataError
from zoo.image_files import walk_images

_SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}


def load_folder(request: DataRequest) -> Splits:
    """Find the images. An image's id is its path relative to PATH; classes are in alphabetical order.

    Raises:
        DataError: If it is not a folder of class folders, or a class has no image in any split.
    """
    root = find_argument(request, "folder")
    if not root.is_dir():
        raise DataError(f"folder: {root} is not a folder")
    folders = _split_folders(root)
    found = {name: _images_by_class(folder) for name, folder in folders.items()}
    classes = sorted({each for images in found.values() for each in images})
    if len(classes) < 2:
        raise DataError(
            f"folder: {folders['train']} must hold at least two folders of images, one for each class; it has "
            f"{len(classes)}"
        )
    empty = [name for name in classes if not any(images.get(name) for images in found.values())]
    if empty:
        raise DataError(
            f"folder: no images in the class folder(s) {', '.join(map(repr, empty))} of {root}: "
            "put some there, or remove them"
        )
    grouped = bool(request.options.get("groups", False))
    splits = {
        name: _split(root, name, images, classes, class_root=folders[name], grouped=grouped)
        for name, images in found.items()
    }
    return Splits(classes=tuple(classes), train=splits["train"], val=splits.get("val"), test=splits.get("test"))


def _split_folders(root: Path) -> dict[str, Path]:
    """Return the folder of each split, or *root* as the only one."""
    present = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    folders: dict[str, Path] = {}
    for split, names in _SPLIT_NAMES.items():
        matches = [present[name] for name in names if name in present]
        if len(matches) > 1:
            raise DataError(f"folder: {root} has several folders for {split}: {', '.join(m.name for m in matches)}")
        if matches:
            folders[split] = matches[0]
    if "train" not in folders:
        # Without train, a folder called "test" is a class like any other.
        return {"train": root}
    others = [path.name for path in present.values() if path not in folders.values() and path.name[0] != "."]
    if others:
        raise DataError(
            f"folder: {root} has {', '.join(repr(name) for name in others[:5])} beside 'train': "
            "it must hold either splits or classes"
        )
    return folders


def _images_by_class(folder: Path) -> dict[str, list[Path]]:
    return {
        path.name: list(walk_images(path))
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.name.startswith(".")
    }


def _split(
    root: Path, name: str, images: dict[str, list[Path]], classes: list[str], *, class_root: Path, grouped: bool
) -> Split:
    import numpy as np

    paths = [path for label in classes for path in images.get(label, [])]
    if not paths:
        raise DataError(f"folder: the {name} split of {root} has no images")
    labels = np.repeat(np.arange(len(classes)), [len(images.get(label, [])) for label in classes])
    return Split(
        encoded=paths,
        labels=labels.astype(np.int64),
        ids=[path.relative_to(root).as_posix() for path in paths],
        groups=[_group(path.relative_to(class_root)) for path in paths] if grouped else None,
    )


def _group(path: Path) -> str:
    """Return the folders between the class folder and the image, or, where there are none, all of its path."""
    _, *between, _ = path.parts
    return "/".join(between) or f"/{path.as_posix()}"


@hookimpl
def zoo_datasets() -> Iterable[Dataset]:
    """Yield ``folder``."""
    yield Dataset(
        name="folder",
        load=load_folder,
        summary="your images in PATH/class/image, or PATH/train/class/image with val and test",
        argument="PATH",
        options={"groups": False},
    )
