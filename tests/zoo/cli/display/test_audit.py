"""Audits as text."""

from __future__ import annotations

from harness.data.audits.audit import DatasetAudit, SplitAudit
from zoo.cli.display.audit import audit_lines


def audit(**facts: object) -> DatasetAudit:
    splits = tuple(
        SplitAudit(
            name=name, carved_from="train" if name == "val" else None, num_images=count, counts=(count, 0),
            imbalance=1.0, absent=(), unreadable=(), unreadable_outcome="",
        )
        for name, count in (("train", 8), ("val", 1), ("test", 3))
    )  # fmt: skip
    sound: dict[str, object] = {
        "name": "x", "full_name": "t/x", "provider": "t", "source": "", "fingerprint": "abc", "classes": ("a", "b"),
        "image_size": 8, "channels": 3, "mean": (0.5,) * 3, "std": (0.1,) * 3, "native_sizes": None, "splits": splits,
        "duplicates": (), "num_lost": 0, "omissions": (), "notes": ("one note",), "error": "",
    }  # fmt: skip
    return DatasetAudit.model_validate(sound | facts)


def test_the_audit_of_a_sound_dataset_lists_the_checks() -> None:
    lines = audit_lines(audit(), width=None)
    assert "note: one note" in lines
    assert lines[-1].startswith("no problem found in 12 images: all can be read")
    assert "were not checked" in lines[-1]


def test_groups_are_looked_at_where_there_are_some() -> None:
    assert "none of 4 groups is in two splits" in audit_lines(audit(num_groups=4), width=None)[-1]
    assert "group" not in audit_lines(audit(), width=None)[-1]


def test_images_that_are_left_out_are_wrong() -> None:
    lines = audit_lines(audit(omissions=("9 image files left out",)), width=None)
    assert lines[-1] == "wrong: 9 image files left out"


def test_a_carved_split_is_listed_with_its_source() -> None:
    table = "\n".join(audit_lines(audit(), width=None))
    assert "taken from train" in table
    assert "the source, less val" in table


def test_what_is_cropped_and_enlarged_is_told() -> None:
    effect = {
        "preparation": "224 px, crop 0.875", "discarded": 0.426, "most_discarded": 0.5, "num_enlarged": 1200,
        "enlargement": 5.6, "largest_enlargement": 7.0,
    }  # fmt: skip
    (line,) = (each for each in audit_lines(audit(effect=effect), width=None) if each.startswith("effect"))
    assert line.split(maxsplit=1)[1] == (
        "43% of the area is cropped away, up to 50% of an image; 1,200 image(s) are enlarged 5.6 times, at most 7.0 "
        "times (224 px, crop 0.875)"
    )
    plain = effect | {"discarded": 0.0, "num_enlarged": 0}
    assert any("nothing is cropped or enlarged" in each for each in audit_lines(audit(effect=plain), width=None))
