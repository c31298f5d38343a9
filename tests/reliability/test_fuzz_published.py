"""Fuzzing of published sets in their original files: whatever the bytes are, they are read, or called damaged.

Nothing that they list may lie outside their folder. The examples are few in the ordinary tests; ``tox -e fuzz`` tries
many more.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.datasets.torchvision_sets import zoo_datasets
from zoo import DataRequest, Splits
from zoo.errors import DataError

from ..plugins.datasets.test_torchvision_sets import ARRAYS, FILES, write_mnist
from .fuzzing import FUZZ, NUM_EXAMPLES, damaged, only_zoo_errors

SETS = {dataset.name: dataset for dataset in zoo_datasets()}
LISTS = (".csv", ".txt", ".mat", ".json")


def _no_photo(path: Path, *_: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def _write_emnist(root: Path) -> None:
    write_mnist(root, "EMNIST", ("emnist-balanced-train", "emnist-balanced-test"), num_classes=47)
    for path in [each for each in root.rglob("*ubyte") if each.is_file()]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()


WRITERS: dict[str, Callable[[Path], None]] = {
    **{name: write for name, (write, *_) in ARRAYS.items() if name != "mnist"},
    **{name: lambda root, write=write: write(root, _no_photo) for name, (write, _) in FILES.items()},  # type: ignore[misc]
    "emnist": _write_emnist,
}
del WRITERS["eurosat"]  # it has no list


@pytest.fixture(scope="module", params=WRITERS)
def name(request: pytest.FixtureRequest) -> str:
    """Name of a set."""
    return str(request.param)


@pytest.fixture(scope="module")
def root(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root that holds a small copy of the set."""
    path = tmp_path_factory.mktemp(name)
    WRITERS[name](path)
    return path


@pytest.fixture(scope="module")
def contents(root: Path, name: str) -> dict[Path, bytes]:
    """The files of the set that are not images, with their bytes."""
    found = [each for each in sorted(root.rglob("*")) if each.is_file()]
    return {each: each.read_bytes() for each in found if name not in FILES or each.suffix in LISTS}


def load(name: str, root: Path) -> Splits:
    dataset = SETS[name]
    return dataset.load(DataRequest(root=root, options=dataset.options, download=False))


def check_places(splits: Splits, root: Path) -> None:
    for split in filter(None, (splits.train, splits.val, splits.test)):
        for path in split.encoded or ():
            assert isinstance(path, Path)
            assert path.is_relative_to(root)
            assert ".." not in path.parts


MATLAB = ("svhn", "flowers102", "stanford_cars")
"""Sets whose MATLAB files are read in a process of their own, which takes half a second."""


def test_a_damaged_file_costs_one_sentence(name: str, root: Path, contents: dict[Path, bytes]) -> None:
    num_examples = max(2, NUM_EXAMPLES // 20) if name in MATLAB else NUM_EXAMPLES

    @settings(FUZZ, max_examples=num_examples)
    @given(data=st.data())
    def damage(data: st.DataObject) -> None:
        _damage_one(name, root, contents, data)

    damage()


def _damage_one(name: str, root: Path, contents: dict[Path, bytes], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(contents)))
    content = contents[path][: 1 << 16]
    odd_lines = st.lists(
        st.sampled_from(["../../x", "/etc/x", "a b", "a 1 1 1", "\0", "²", "a/b", "{}", ";"]), max_size=4
    )
    path.write_bytes(data.draw(damaged(content) | odd_lines.map(lambda lines: "\n".join(lines).encode())))
    try:
        splits = only_zoo_errors(lambda: load(name, root))
    finally:
        path.write_bytes(contents[path])
    if splits is not None:
        check_places(splits, root)


def test_an_undamaged_set_is_read(name: str, root: Path, contents: dict[Path, bytes]) -> None:
    assert contents
    check_places(load(name, root), root)


LEADING_OUT = {
    "gtsrb": ("gtsrb/GT-final_test.csv", "Filename;ClassId\n{}.ppm;1\n"),
    "oxford_iiit_pet": ("oxford-iiit-pet/annotations/test.txt", "{} 1 1 1\n"),
    "food101": ("food-101/meta/test.json", ""),
    "dtd": ("dtd/dtd/labels/test1.txt", "kind00/{}.jpg\n"),
    "fgvc_aircraft": ("fgvc-aircraft-2013b/data/images_variant_test.txt", "{} ATR-72 b\n"),
}


@pytest.mark.parametrize(
    ("name", "image"),
    [
        *((name, image) for name in LEADING_OUT for image in ("../../../../secret", "a/../../../../../secret")),
        *((name, "/secret") for name in LEADING_OUT if name != "dtd"),  # where it would be kind00//secret.jpg
    ],
)
def test_a_list_that_leads_out_of_the_set_is_refused(tmp_path: Path, name: str, image: str) -> None:
    root = tmp_path / "data"
    FILES[name][0](root, _no_photo)
    path, text = LEADING_OUT[name]
    content = (root / path).read_text()
    changed = {"gtsrb": text.format(image), "food101": content.replace("dish_000/test0", image)}
    (root / path).write_text(changed.get(name) or text.format(image) + content)
    with pytest.raises(DataError, match="leads out"):
        load(name, root)


def test_a_number_beyond_the_list_of_flowers_is_refused(tmp_path: Path) -> None:
    """0 would be the last image of the list."""
    from scipy.io import savemat

    FILES["flowers102"][0](tmp_path, _no_photo)
    for number in (0, -1, 107):
        savemat(
            tmp_path / "flowers-102" / "setid.mat",
            {"trnid": [range(1, 103)], "valid": [[103]], "tstid": [[number, 105]]},
        )
        with pytest.raises(DataError, match="numbers images"):
            load("flowers102", tmp_path)


def test_a_small_compressed_file_does_not_fill_the_memory(tmp_path: Path) -> None:
    _write_emnist(tmp_path)
    images = tmp_path / "EMNIST" / "raw" / "emnist-balanced-test-images-idx3-ubyte.gz"
    head = bytes([0, 0, 8, 3]) + (10**7).to_bytes(4, "big") + (28).to_bytes(4, "big") * 2
    with gzip.open(images, "wb", compresslevel=1) as file:
        file.write(head)
        file.write(bytes(1 << 20))
    with pytest.raises(DataError, match=r"states 7\.84 GB"):
        load("emnist", tmp_path)
