"""Images in tar files: ``tar:PATH``, a tar file or a folder of them (shards). They are read where they lie.

::

    cat/1.jpg  dog/1.jpg               a folder for each class, as in folder:PATH, with or without train/, val/, test/
    0001.jpg  0001.cls                 pairs, as WebDataset writes them: .cls holds the number or the name of the class

A shard's split is the word train, val (validation, dev) or test in its name, unless its members have folders for them;
shards that say nothing are train. A ``classes.txt`` beside the shards gives numbered classes their names, a line each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from plugins.datasets._files import files_signature, find_argument, lines_of, split_of
from plugins.datasets._tar_index import Member, index_tar
from zoo import DataRequest, Dataset, Split, Splits, hookimpl
from zoo.dataset import FilePart
from zoo.errors import DataError
from zoo.image_files import is_image

NAMES_FILE = "classes.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Image:
    """An image in a shard."""

    shard: Path
    name: PurePosixPath
    start: int
    size: int
    label: str
    split: str


def load_tar(request: DataRequest) -> Splits:
    """Find the images. An image's id is its name in the tar file, so it does not depend on how shards were cut.

    Raises:
        DataError: If there is no tar file, one is damaged or refused (see :mod:`plugins.datasets._tar_index`), images
            have no class, or there are fewer than two.
    """
    root = find_argument(request, "tar")
    shards = [root] if root.is_file() else sorted(path for path in root.rglob("*.tar") if path.is_file())
    if not shards:
        raise DataError(f"tar: {root} holds no tar file")
    members: dict[Path, list[Member]] = {}
    for number, shard in enumerate(shards):
        request.report(f"tar: reading what {shard.name} holds", number / len(shards))
        members[shard] = index_tar(shard)
    folder = root if root.is_dir() else root.parent
    if any(member.text for found in members.values() for member in found):
        images = [image for shard in shards for image in _pairs(shard, members[shard], folder)]
    else:
        images = _in_folders(members, folder)
    if not images:
        raise DataError(f"tar: {root} holds no image")
    classes, label_of = _classes(images, folder, root)
    found = {name: [image for image in images if image.split == name] for name in ("train", "val", "test")}
    if not found["train"]:
        raise DataError(f"tar: {root} holds no training images: shards or folders should be called train")
    unique = max(Counter(image.name for image in images).values()) == 1
    splits = {name: _split(each, label_of, folder, unique=unique) for name, each in found.items() if each}
    return Splits(classes=classes, train=splits["train"], val=splits.get("val"), test=splits.get("test"))


def _pairs(shard: Path, members: Sequence[Member], folder: Path) -> list[_Image]:
    """Return the images of a shard in the order in which they lie; each has a ``.cls`` with the same key."""
    labels: dict[str, str] = {}
    found: dict[str, Member] = {}
    for member in members:
        path = PurePosixPath(member.name)
        stem, _, extension = path.name.partition(".")  # as WebDataset has it: the key ends at the first dot
        key = str(path.with_name(stem))
        if extension == "cls":
            labels[key] = member.text
        elif "." not in extension and is_image(path):
            if key in found:
                raise DataError(f"tar: {shard} holds two images of one key, {found[key].name!r} and {member.name!r}")
            found[key] = member
    for key, member in found.items():
        if key not in labels:
            raise DataError(f"tar: {shard} holds {member.name!r} without the .cls file that says its class")
    for key in labels:
        if key not in found:
            raise DataError(f"tar: {shard} holds {f'{key}.cls'!r} without an image")
    split = _split_of_shard(shard, folder)
    return [
        _Image(
            shard=shard,
            name=PurePosixPath(member.name),
            start=member.start,
            size=member.size,
            label=labels[key],
            split=split,
        )
        for key, member in found.items()
    ]


def _split_of_shard(shard: Path, folder: Path) -> str:
    return split_of(shard.relative_to(folder)) or "train"


def _in_folders(members: dict[Path, list[Member]], folder: Path) -> list[_Image]:
    """Return the images of all shards, sorted as files in folders would be."""
    found = [(shard, member, PurePosixPath(member.name)) for shard, each in members.items() for member in each]
    found = [each for each in found if is_image(each[2]) and not any(part[0] == "." for part in each[2].parts)]
    # What everything lies in is no class: `tar c photos` puts "photos/" before each name.
    while len(tops := {name.parts[0] for *_, name in found}) == 1 and not split_of(PurePosixPath(*tops)):
        if any(len(name.parts) < 3 for *_, name in found):
            break
        found = [(shard, member, PurePosixPath(*name.parts[1:])) for shard, member, name in found]
    has_splits = all(len(name.parts) > 2 and split_of(PurePosixPath(name.parts[0])) for *_, name in found)
    images = []
    for shard, member, name in found:
        if len(name.parts) < 2 + has_splits:
            raise DataError(f"tar: {shard} holds {member.name!r}, which is in no class folder and has no .cls file")
        split = split_of(PurePosixPath(name.parts[0])) if has_splits else _split_of_shard(shard, folder)
        label = name.parts[1 if has_splits else 0]
        images.append(_Image(shard=shard, name=name, start=member.start, size=member.size, label=label, split=split))
    return sorted(images, key=lambda image: (image.label, image.name.parts))


def _classes(images: Sequence[_Image], folder: Path, root: Path) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the names of the classes, and the number of each label as it stands."""
    labels = {image.label for image in images}
    if all(label.isdecimal() and label.isascii() and len(label) < 10 for label in labels):
        number_of = {label: int(label) for label in labels}
        names_file = folder / NAMES_FILE
        if names_file.is_file():
            names = lines_of(names_file)
            if max(number_of.values()) >= len(names):
                raise DataError(
                    f"tar: {names_file} names {len(names)} classes, but there is the class {max(number_of.values())}"
                )
            return tuple(names), number_of
        ordered = sorted(set(number_of.values()))
        classes = tuple(map(str, ordered))
        label_of = {label: ordered.index(number) for label, number in number_of.items()}
    else:
        classes = tuple(sorted(labels))
        label_of = {label: k for k, label in enumerate(classes)}
    if len(classes) < 2:
        raise DataError(f"tar: {root} must hold images of at least two classes, and all are of {classes[0]!r}")
    return classes, label_of


def _split(images: Sequence[_Image], label_of: dict[str, int], folder: Path, *, unique: bool) -> Split:
    import numpy as np

    return Split(
        encoded=[FilePart(path=image.shard, start=image.start, size=image.size) for image in images],
        labels=np.array([label_of[image.label] for image in images], dtype=np.int64),
        ids=[
            str(image.name) if unique else f"{image.shard.relative_to(folder).as_posix()}/{image.name}"
            for image in images
        ],
        signature=files_signature(sorted({image.shard for image in images})),
    )


@hookimpl
def zoo_datasets() -> Iterable[Dataset]:
    """Yield ``tar``."""
    yield Dataset(
        name="tar",
        load=load_tar,
        summary="your images in a tar file or shards: class/image, or pairs of image and .cls (WebDataset)",
        source="https://github.com/webdataset/webdataset",
        argument="PATH",
    )
