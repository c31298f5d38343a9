"""Images in tar files: ``tar:PATH``, a tar file or a folder of them (shards), read without extraction.

::

    cat/1.jpg  dog/1.jpg               a folder for each class, as in folder:PATH, with or without train/, val/, test/
    0001.jpg  0001.cls                 pairs as in WebDataset: .cls contains the number or the name of the class

Instead of ``.cls``, a pair may have a ``.json`` with a key such as ``label``, or a ``.txt`` that contains only the
label. A shard's split is given by the word train, val (validation, dev) or test in its name, unless its members are in
split folders; other shards are training data. A ``classes.txt`` beside the shards names numbered classes, one per line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from plugins.datasets._assembly import TEST_OPTION, TWINS_OPTION, assemble
from plugins.datasets._files import files_signature, find_argument, lines_of
from plugins.datasets._labels import name_classes
from plugins.datasets._split_names import role_of, split_of
from plugins.datasets._tar_index import LABEL_SUFFIXES, Member, index_tar
from zoo import DataRequest, Dataset, Split, Splits, hookimpl
from zoo.dataset import FilePart
from zoo.errors import DataError
from zoo.files.image_files import LeftOut, is_image, is_junk
from zoo.text import plural

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
    """Find the images. The id of an image is its name in the tar file, so it does not depend on the sharding.

    Raises:
        DataError: If there is no tar file, one is damaged or not allowed (see :mod:`plugins.datasets._tar_index`),
            images have no class, or there are fewer than two classes.
    """
    root = find_argument(request, "tar")
    shards = [root] if root.is_file() else sorted(path for path in root.rglob("*.tar") if path.is_file())
    if not shards:
        raise DataError(f"tar: {root} holds no tar file")
    members: dict[Path, list[Member]] = {}
    for number, shard in enumerate(shards):
        request.report(f"tar: indexing {shard.name}", number / len(shards))
        members[shard] = index_tar(shard)
    folder = root if root.is_dir() else root.parent
    left_out = LeftOut()
    omissions: list[str] = []
    found = {shard: _image_members(each, left_out) for shard, each in members.items()}
    suffix = _label_suffix(members, found)
    if suffix:
        images = [image for shard in shards for image in _pairs(shard, members[shard], found[shard], suffix, folder)]
        left_out.others = Counter()  # other members of a sample are not images by design
    else:
        images = _in_folders(found, folder, omissions)
    if not images:
        raise DataError(f"tar: {root} holds no image{''.join(f'; {each}' for each in left_out.omissions())}")
    if suffix == ".txt" and len({image.label for image in images}) > max(2, len(images) // 2):
        raise DataError(
            f"tar: the .txt members of {root} hold {len({image.label for image in images}):,} different texts for "
            f"{len(images):,} images, so they are captions and not classes: write classes to .cls members"
        )
    classes, index_of, notes = _classes(images, folder, root, twins=request.options.get("twins", "error"))
    by_split = {name: [image for image in images if image.split == name] for name in ("train", "val", "test")}
    if not by_split["train"]:
        raise DataError(f"tar: {root} holds no training images: shards or folders should be called train")
    unique = max(Counter(image.name for image in images).values()) == 1
    return assemble(
        classes,
        {name: _split(each, index_of, folder, unique=unique) for name, each in by_split.items() if each},
        request.options,
        source=f"tar: {root}",
        notes=[*notes, *left_out.notes()],
        omissions=[*omissions, *left_out.omissions()],
    )


def _image_members(members: Sequence[Member], left_out: LeftOut) -> list[Member]:
    def is_wanted(member: Member) -> bool:
        path = PurePosixPath(member.name)
        if any(map(is_junk, path.parts)):
            return False
        return is_image(path.parent, path.name, lambda: member.kind, left_out)

    return [member for member in members if is_wanted(member)]


def _label_suffix(members: Mapping[Path, Sequence[Member]], images: Mapping[Path, Sequence[Member]]) -> str:
    """Return the suffix of the members with labels, or an empty string if folders are classes."""
    with_label = {PurePosixPath(member.name).suffix for each in members.values() for member in each if member.text}
    if ".cls" in with_label or not with_label:
        return ".cls" if with_label else ""
    tops = {PurePosixPath(member.name).parts[:-1] for each in images.values() for member in each}
    if len(tops) > 1 and () not in tops:
        return ""
    keys = {_key(member.name) for each in images.values() for member in each}
    for suffix in LABEL_SUFFIXES:
        if any(
            member.text and PurePosixPath(member.name).suffix == suffix and _key(member.name) in keys
            for each in members.values()
            for member in each
        ):
            return suffix
    return ""


def _key(name: str) -> str:
    """Return the key that the members of a sample share: the name up to its first dot, as in WebDataset."""
    path = PurePosixPath(name)
    return str(path.with_name(path.name.partition(".")[0]))


def _pairs(shard: Path, members: Sequence[Member], images: Sequence[Member], suffix: str, folder: Path) -> list[_Image]:
    """Return the images of a shard, in order, each with the label that has the same key."""
    labels = {
        _key(member.name): member.text
        for member in members
        if member.text and f".{PurePosixPath(member.name).name.partition('.')[2]}" == suffix
    }
    found: dict[str, Member] = {}
    plain = [member for member in images if "." not in PurePosixPath(member.name).name.partition(".")[2]]
    if not plain:
        _check_single(shard, images)
    for member in plain or images:  # 0001.seg.png beside 0001.png is another field of the sample
        key = _key(member.name)
        if key in found:
            raise DataError(f"tar: {shard} holds two images with the same key, {found[key].name!r} and {member.name!r}")
        found[key] = member
    for key, member in found.items():
        if key not in labels:
            raise DataError(f"tar: {shard} holds {member.name!r} without a file {key + suffix!r} that names its class")
    for key in labels:
        if key not in found:
            raise DataError(f"tar: {shard} holds {key + suffix!r} without an image")
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


def _check_single(shard: Path, images: Sequence[Member]) -> None:
    """Check that each sample has one image, though its name has two suffixes, as in ``0001.image.png``.

    Raises:
        DataError: If one has several, such as ``0001.left.png`` and ``0001.right.png``.
    """
    first: dict[str, Member] = {}
    for member in images:
        other = first.setdefault(_key(member.name), member)
        if other is not member:
            path = PurePosixPath(other.name)
            raise DataError(
                f"tar: {shard} holds several images of one sample, {other.name!r} and {member.name!r}: call the one "
                f"to classify {path.name.partition('.')[0] + path.suffix!r}"
            )


def _split_of_shard(shard: Path, folder: Path) -> str:
    return split_of(shard.relative_to(folder)) or "train"


def _split_named(folder: str) -> str:
    return role_of(folder) or split_of(PurePosixPath(folder))


def _depth_of_splits(names: Sequence[PurePosixPath]) -> int | None:
    """Return the depth of split folders: 0 above the classes, 1 below them, or None if there are none."""
    if all(len(name.parts) > 1 and _split_named(name.parts[0]) for name in names):
        return 0
    if all(len(name.parts) > 2 and role_of(name.parts[1]) for name in names):
        return 1 if any(role_of(name.parts[1]) == "train" for name in names) else None
    return None


def _in_folders(images: Mapping[Path, Sequence[Member]], folder: Path, omissions: list[str]) -> list[_Image]:
    """Return the images of all shards in the order of files in folders; add those without a class to *omissions*."""
    found = [(shard, member, PurePosixPath(member.name)) for shard, each in images.items() for member in each]
    # A folder around everything is not a class: `tar c photos` puts "photos/" before each name.
    while len(tops := {name.parts[0] for *_, name in found}) == 1 and not split_of(PurePosixPath(*tops)):
        if any(len(name.parts) < 3 for *_, name in found):
            break
        found = [(shard, member, PurePosixPath(*name.parts[1:])) for shard, member, name in found]
    depth_of_split = _depth_of_splits([name for *_, name in found])
    located, unlabelled = [], Counter[str]()
    for shard, member, name in found:
        folders = list(name.parts[:-1])
        split = _split_of_shard(shard, folder)
        if depth_of_split is not None:
            split = _split_named(folders.pop(depth_of_split))
        if not folders and split != "train" and depth_of_split is not None:
            unlabelled[name.parts[0]] += 1
            continue
        if not folders:
            raise DataError(
                f"tar: {shard} holds {member.name!r}, which is in no class folder and has no .cls file: write the one "
                f"class of each image to a member such as {PurePosixPath(member.name).with_suffix('.cls').name!r}, or "
                "to a .json under the key 'label'"
            )
        located.append(
            _Image(shard=shard, name=name, start=member.start, size=member.size, label=folders[0], split=split)
        )
    omissions += [
        f"{plural(count, 'image')} in {top!r} left out because there are no class folders to label them"
        for top, count in unlabelled.items()
    ]
    return sorted(located, key=lambda image: (image.label, image.name.parts))


def _classes(
    images: Sequence[_Image], folder: Path, root: Path, *, twins: object
) -> tuple[tuple[str, ...], dict[str, int], tuple[str, ...]]:
    """Return class names, the class index of each original label, and notes."""
    labels = {image.label for image in images}
    names_file = folder / NAMES_FILE
    if names_file.is_file() and all(label.isdecimal() and label.isascii() and len(label) < 10 for label in labels):
        number_of = {label: int(label) for label in labels}
        names = lines_of(names_file)
        if max(number_of.values()) >= len(names):
            raise DataError(
                f"tar: {names_file} names {len(names)} classes, but there is the class {max(number_of.values())}"
            )
        return tuple(names), number_of, ()
    return name_classes(labels, source=f"tar: {root}", twins=twins)


def _split(images: Sequence[_Image], index_of: dict[str, int], folder: Path, *, unique: bool) -> Split:
    import numpy as np

    return Split(
        encoded=[FilePart(path=image.shard, start=image.start, size=image.size) for image in images],
        labels=np.array([index_of[image.label] for image in images], dtype=np.int64),
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
        options={**TEST_OPTION, **TWINS_OPTION},
    )
