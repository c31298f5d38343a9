"""Assembly: combining a source's splits into a dataset, with a choice of the split to test on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zoo import ClassHierarchy, Split, Splits
from zoo.errors import DataError, UsageError
from zoo.options import Option

TEST_OPTION: Mapping[str, Option] = {"test": ""}
"""``data.test=val`` tests on the source's validation images."""

TWINS_OPTION: Mapping[str, Option] = {"twins": "error"}
"""See :mod:`plugins.datasets._labels`."""


def assemble(
    classes: tuple[str, ...],
    splits: Mapping[str, Split],
    options: Mapping[str, Option],
    *,
    source: str,
    notes: Iterable[str] = (),
    omissions: Iterable[str] = (),
    hierarchy: ClassHierarchy | None = None,
) -> Splits:
    """Combine those of the splits train, val and test that a source has.

    With ``data.test=val``, the validation images become the test split, and new validation images are carved from
    train. If there is a validation split but no test split, a note mentions this option.

    Raises:
        DataError: If there are no training images, or ``data.test`` cannot be applied to the source's splits.
        UsageError: If ``data.test`` is neither empty nor ``val`` nor ``test``.
    """
    found, said = dict(splits), list(notes)
    choice = options.get("test", "")
    if choice not in ("", "test", "val"):
        raise UsageError(f"data.test must be val or test (the split to test on), not {choice!r}")
    if choice == "val":
        if "val" not in found:
            raise DataError(f"{source} has no validation images, but data.test=val means to test on them")
        if "test" in found:
            raise DataError(
                f"{source} has a test split of its own, so data.test=val cannot make the val split the test"
            )
        found["test"] = found.pop("val")
        said.append(f"the {len(found['test']):,} validation images of the source are the test split (data.test=val)")
    elif "test" in options and "val" in found and "test" not in found:
        said.append(
            f"no test split in the source, but {len(found['val']):,} validation images: data.test=val tests on them "
            "and takes others from train for validation"
        )
    if "train" not in found:
        raise DataError(f"{source} has no training images")
    return Splits(
        classes=classes,
        train=found["train"],
        val=found.get("val"),
        test=found.get("test"),
        notes=tuple(said),
        omissions=tuple(omissions),
        hierarchy=hierarchy,
    )
