"""What an audit calls a problem."""

from __future__ import annotations

from harness.data.audits.audit import DatasetAudit, SplitAudit, UnreadableImage
from harness.data.audits.duplicates import Duplicates


def audit(**facts: object) -> DatasetAudit:
    sound: dict[str, object] = {
        "name": "x", "full_name": "t/x", "provider": "t", "source": "", "fingerprint": None, "classes": ("a", "b"),
        "image_size": 8, "channels": 3, "mean": None, "std": None, "native_sizes": None, "splits": (),
        "duplicates": (), "num_lost": 0, "omissions": (), "notes": ("a note",), "error": "",
    }  # fmt: skip
    return DatasetAudit.model_validate(sound | facts)


def test_a_sound_dataset_with_notes_has_no_problems() -> None:
    assert audit().problems == ()


def test_images_left_out_unreadable_lost_or_in_two_splits_are_problems() -> None:
    bad = UnreadableImage(id="1", path=None, reason="cut short")
    split = SplitAudit(
        name="test", carved_from=None, num_images=1, counts=(1, 0), imbalance=1.0, absent=("b",), unreadable=(bad,),
        unreadable_outcome="error",
    )  # fmt: skip
    leak = Duplicates(splits=("train", "test"), num_images=2, num_conflicting=1, twins=(), conflicts=())
    assert audit(omissions=("9 image files left out",), splits=(split,), num_lost=1, duplicates=(leak,)).problems == (
        "9 image files left out",
        "1 test image(s) cannot be read",
        "1 image(s) are decoded in the cache, but their files can no longer be read",
        "2 test image(s) are also in train",
        "1 image(s) are in train and test with different labels",
    )


def test_a_group_in_two_splits_is_a_problem() -> None:
    assert audit(num_groups=3, shared_groups=("1 group(s) are in both",)).problems == ("1 group(s) are in both",)


def test_a_class_that_is_tested_and_never_trained_is_a_problem() -> None:
    def split(name: str, counts: tuple[int, int], absent: tuple[str, ...]) -> SplitAudit:
        return SplitAudit(
            name=name, carved_from=None, num_images=sum(counts), counts=counts, imbalance=1.0, absent=absent,
            unreadable=(), unreadable_outcome="",
        )  # fmt: skip

    train, test = split("train", (4, 0), ("b",)), split("test", (2, 2), ())
    assert audit(splits=(train, test)).problems == (
        "1 class with test images and without a training image, which no model can learn: 'b'",
    )
    assert audit(splits=(train, split("test", (2, 0), ("b",)))).problems == ()
