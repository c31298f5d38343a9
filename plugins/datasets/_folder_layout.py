"""The layout of a folder of images: which of its folders are splits, which are classes, and which are neither.

=====================================  ===========================================================================
layout                                 read as
=====================================  ===========================================================================
``CLASS/IMAGE``                        classes
``train/CLASS/IMAGE``, ``val/…``       splits (training, valid, validation, dev, eval, testing, holdout; ``test_set``,
                                       ``train-images``; ``seg_train`` beside ``seg_test``), ignoring case
``CLASS/train/IMAGE``, ``CLASS/val/…`` splits below classes
a single folder around one of these    the layout inside it
``test/IMAGE`` beside ``train/CLASS``  images without labels, which are left out and counted
=====================================  ===========================================================================

Images beside class folders belong to no class, and are left out and counted. Any other ambiguity is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plugins.datasets._split_names import SPLIT_WORDS, role_of
from zoo.errors import DataError
from zoo.files.image_files import LeftOut
from zoo.files.image_tree import ImageFolder, ImageTree
from zoo.text import plural

_MAX_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FoundFolder:
    """A folder with images of one class and split."""

    content: ImageFolder
    label: str
    """Name of the class folder, unchanged."""
    split: str
    between: tuple[str, ...]
    """Names of the folders between the class folder (or the split below it) and the images."""
    above: tuple[str, ...] = ()
    """Names of the folders that a nested class folder is in, the outermost first."""


@dataclass(kw_only=True, slots=True)
class FolderLayout:
    """The images found in a folder, with their classes and splits."""

    root: Path
    """Folder with the classes or splits: the given one, or the one that it wraps."""
    tree: ImageTree
    folders: list[FoundFolder] = field(default_factory=list)
    """Folders that hold at least one image themselves."""
    labels: set[str] = field(default_factory=set)
    """Names of all class folders, including those without images."""
    notes: list[str] = field(default_factory=list)
    omissions: list[str] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    nested: bool = False
    """Whether each folder that holds images is a class, and the folders that it is in are groups of classes."""


def find_layout(folder: Path, *, nested: bool = False, grouped: bool = False) -> FolderLayout:
    """Find the images of a folder with their classes and splits.

    Args:
        folder: The folder.
        grouped: Whether folders within class folders are groups.
        nested: Whether class folders are in folders of groups of classes: ``animal/insect/ant/1.jpg``.

    Raises:
        DataError: If the layout is none of those above, or ambiguous.
    """
    tree = ImageTree()
    root = _unwrapped(tree, folder)
    found = FolderLayout(root=root, tree=tree, nested=nested)
    if root != folder:
        found.notes.append(f"classes and splits are those in {root}, the only folder in {folder} that holds images")
    roles = _roles(tree, root)
    if roles:
        _read_splits(found, roles)
    elif not nested and _is_class_over_split(tree, root):
        for class_folder in tree.folders(root):
            for split_folder in tree.folders(class_folder):
                if split := role_of(split_folder.name):
                    _read_class(found, split_folder, class_folder.name, split)
        found.notes.append("splits are the folders below each class")
    else:
        _read_classes(found, root, "train")
    if not grouped:
        _note_inner(found)
    found.omissions += found.left_out.omissions()
    found.notes += found.left_out.notes()
    if found.labels or found.folders:
        return found
    loose = tree.images(root)
    raise DataError(
        f"folder: {root} must hold a folder of images for each class; it has none"
        + (f", and {plural(len(loose), 'image')} beside (csv:PATH reads labels from a table)" if loose else "")
        + "".join(f"; {each}" for each in found.omissions)
    )


def _unwrapped(tree: ImageTree, folder: Path) -> Path:
    """Return the folder that *folder* merely wraps, or *folder* itself."""
    inner = folder
    while not tree.images(inner):
        full = [each for each in tree.folders(inner) if tree.holds_images(each)]
        if len(full) != 1 or role_of(full[0].name) or not tree.folders(full[0]):
            break
        inner = full[0]
    # A chain of single folders that ends at one class was no wrapper.
    return inner if len(tree.folders(inner)) > 1 or _roles(tree, inner) else folder


def _roles(tree: ImageTree, root: Path) -> dict[str, list[Path]]:
    """Return the folders of each split, or nothing if the folders are classes.

    A folder named train that contains images directly, beside folders that are not splits, is a class.
    """
    folders = tree.folders(root)
    roles = _by_role({path: role_of(path.name) for path in folders})
    if "train" in roles:
        (first, *more), others = roles["train"], [path for path in folders if not role_of(path.name)]
        is_class = not more and len(roles) == 1 and others and tree.images(first) and not tree.folders(first)
        return {} if is_class else roles
    # Names that differ in one word, such as seg_train and seg_test.
    for around in sorted({around for path in folders for _, around in _role_within(path.name)}):
        named = {path: role for path in folders for role, each in _role_within(path.name) if each == around}
        if len(set(named.values())) > 1 and "train" in named.values():
            return _by_role(named)
    return {}


def _by_role(role_of_each: Mapping[Path, str]) -> dict[str, list[Path]]:
    roles: dict[str, list[Path]] = {}
    for path, role in role_of_each.items():
        if role:
            roles.setdefault(role, []).append(path)
    return roles


def _role_within(name: str) -> Iterator[tuple[str, str]]:
    """Yield the split for each word of a name that denotes one, along with the name without that word."""
    for match in re.finditer("[a-z]+", name.lower()):
        if match[0] in SPLIT_WORDS and match[0] != name.lower():
            yield SPLIT_WORDS[match[0]], f"{name[: match.start()]}*{name[match.end() :]}"


def _is_class_over_split(tree: ImageTree, root: Path) -> bool:
    """Return whether the folders of *root* contain only splits.

    Raises:
        DataError: If only some of them do.
    """
    with_splits, without = [], []
    for folder in tree.folders(root):
        inner = [each for each in tree.folders(folder) if tree.holds_images(each)]
        if inner and not tree.images(folder) and all(role_of(each.name) for each in inner):
            with_splits.append(folder)
        elif tree.holds_images(folder):
            without.append(folder)
    if not any(role_of(each.name) == "train" for folder in with_splits for each in tree.folders(folder)):
        return False
    if without:
        raise DataError(
            f"folder: {root} has splits below some classes ({_names(with_splits)}) and not below others "
            f"({_names(without)}): put train, val and test folders into all of them or none"
        )
    return True


def _read_splits(found: FolderLayout, roles: dict[str, list[Path]]) -> None:
    tree = found.tree
    for role, folders in roles.items():
        if len(folders) > 1:
            raise DataError(
                f"folder: {found.root} has several folders for {role}: {_names(folders)}; put their images into one, "
                "or rename those that should not count so that their names start with a dot"
            )
    others = [path for path in tree.folders(found.root) if [path] not in roles.values()]
    full = [path for path in others if tree.holds_images(path)]
    if full:
        raise DataError(
            f"folder: {found.root} has {_names(full)} beside {roles['train'][0].name!r}: it must hold either splits or "
            "classes, so move all other folders elsewhere"
        )
    if others:
        found.notes.append(f"{plural(len(others), 'folder')} without images left out: {_names(others)}")
    _note_loose(found, found.root, "splits")
    for role in ("train", "val", "test"):
        for folder in roles.get(role, []):
            inner = tree.folders(folder)
            if len(inner) == 1 and not tree.images(folder) and (role_of(inner[0].name) or inner[0].name == folder.name):
                folder = inner[0]  # train/train/CLASS, as archives unpack
            if role != "train" and not tree.folders(folder):
                loose = tree.images(folder)
                if loose:
                    found.omissions.append(
                        f"{plural(len(loose), 'image')} in {folder.name!r} left out because there are "
                        "no class folders to label them"
                    )
                continue
            _read_classes(found, folder, role)


def _read_classes(found: FolderLayout, folder: Path, split: str) -> None:
    tree = found.tree
    folders = tree.folders(folder)
    loose = tree.images(folder)
    if not folders and loose:
        raise DataError(
            f"folder: {folder} holds {plural(len(loose), 'image')} and must hold a folder of images for each class; "
            "it has none (csv:PATH reads labels from a table)"
        )
    _note_loose(found, folder, "class folders")
    for class_folder in folders:
        _read_class(found, class_folder, class_folder.name, split)


def _read_class(found: FolderLayout, folder: Path, label: str, split: str) -> None:
    depth = len(folder.parts)
    if not found.nested or not found.tree.holds_images(folder):
        found.labels.add(label)
    for content in found.tree.below(folder):
        found.left_out.add(content.left_out)
        if not content.images:
            continue
        between = content.path.parts[depth:]
        if not found.nested:
            found.folders.append(FoundFolder(content=content, label=label, split=split, between=between))
            continue
        deeper = [name for name in content.folders if found.tree.holds_images(content.path / name)]
        if deeper:
            raise DataError(
                f"folder: {content.path} holds {plural(len(content.images), 'image')} and folders of images "
                f"({', '.join(map(repr, deeper[:_MAX_SHOWN]))}): with data.hierarchy=folders, a folder is either a "
                "class or a group of classes"
            )
        above = (label, *between)[:-1]
        found.labels.add(content.path.name)
        found.folders.append(
            FoundFolder(content=content, label=content.path.name, split=split, between=(), above=above)
        )


def _note_inner(found: FolderLayout) -> None:
    """Note which images are in folders within class folders, which may be classes or groups themselves."""
    inner = [each for each in found.folders if each.between]
    if inner:
        names: dict[str, set[str]] = {}
        for each in found.folders:
            names.setdefault(each.label, set()).add(each.between[0] if each.between else "")
        alike = len(names) > 1 and len(set(map(frozenset, names.values()))) == 1 and len(names[inner[0].label]) > 1
        doubt = "; all class folders hold folders of the same names, which may be the classes" if alike else ""
        count, first = sum(len(each.content.images) for each in inner), inner[0]
        found.notes.append(
            f"{plural(count, 'image')} in folders within class folders, such as {'/'.join(first.between)!r} in "
            f"{first.label!r}, have the class of the outer folder (data.hierarchy=folders makes the innermost folders "
            f"classes, data.groups=true keeps the images of one in the same split){doubt}"
        )


def _note_loose(found: FolderLayout, folder: Path, beside: str) -> None:
    loose = found.tree.images(folder)
    if loose:
        where = "" if folder == found.root else f" in {folder.name!r}"
        found.omissions.append(
            f"{plural(len(loose), 'image')}{where} left out, beside the {beside} instead of inside one: {_names(loose)}"
        )


def _names(paths: list[Path]) -> str:
    return ", ".join(repr(path.name) for path in paths[:_MAX_SHOWN]) + (" …" if len(paths) > _MAX_SHOWN else "")
