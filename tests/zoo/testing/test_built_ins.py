"""Every built-in keeps the promises that plugins are held to: all of our own, timm's and torchvision's by sample.

Networks that take seconds a check, and a wider sample, are slow tests.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from zoo.loading import Sources, build_catalog
from zoo.testing import State, Subject, judge
from zoo.testing.checks import checks_of

CATALOG = build_catalog(Sources(entry_points=False))
OWN = [entry.full_name for entry in CATALOG.architectures if entry.full_name.startswith("zoo/")]
FAST = {"zoo/linear", "zoo/lenet5", "zoo/simple_cnn", "zoo/speedrun_cnn", "zoo/vgg_small", "zoo/resnet20_cifar"}
"""Our own that take seconds for all checks; the others are deeper or wider, and of the same code."""
SHALLOWEST = {"zoo/resnet18_cifar", "zoo/vgg11_bn_cifar", "zoo/wrn16_4_cifar"}
"""The least of each family that has no member above."""
FAST_SAMPLE = ("timm/test_resnet", "torchvision/squeezenet1_1")
WIDE_SAMPLE = (
    "timm/resnet18",
    "torchvision/resnet18",
    "timm/convnext_atto",
    "timm/efficientnet_b0",
    "timm/mixer_s32_224",
    "timm/regnetx_002",
    "timm/vit_tiny_patch16_224",
    "torchvision/densenet121",
    "torchvision/googlenet",
    "torchvision/mobilenet_v3_small",
    "timm/mobilenetv3_small_050",
    "torchvision/shufflenet_v2_x0_5",
)


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in OWN])
def test_a_network_of_our_own_conforms(hold, catalog, name):
    inapplicable = {"pretrained_is_honoured"}  # none of them has published weights
    if not catalog.architectures.get(name).record.options:
        inapplicable.add("options_take_effect")
    assert set(hold("architectures", name)) == {check.id for check in checks_of("architectures")} - inapplicable


@pytest.mark.parametrize("name", [name for name in OWN if name not in FAST])
def test_a_larger_network_of_our_own_is_built_as_it_should(catalog, name):
    checks = ("builds", "output_shape") if name in SHALLOWEST else ("builds",)
    subject = Subject(record=catalog.architectures.get(name).record)
    verdicts = [judge(check, subject) for check in checks_of("architectures", only=checks)]
    assert [(each.check, each.state, each.reason) for each in verdicts] == [(id, State.PASSED, "") for id in checks]


@pytest.mark.parametrize("name", FAST_SAMPLE)
def test_a_network_of_a_library_conforms(catalog, name):
    """Without learning images by heart, which takes most of the time and depends least on who wrote the network."""
    subject = Subject(record=catalog.architectures.get(name).record)
    checks = [check for check in checks_of("architectures") if check.id != "overfits_64_images"]
    verdicts = [judge(check, subject) for check in checks]
    assert [each.reason for each in verdicts if not each.state.is_good] == []
    assert sum(each.state is State.PASSED for each in verdicts) >= len(checks) - 2


@pytest.mark.slow
@pytest.mark.parametrize("name", WIDE_SAMPLE)
def test_a_network_that_takes_its_time_conforms(hold, name):
    hold("architectures", name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*OWN, *FAST_SAMPLE])
def test_a_network_compiles_and_is_exported_where_it_says_so(catalog, name):
    subject = Subject(record=catalog.architectures.get(name).record)
    verdicts = [judge(check, subject) for check in checks_of("architectures", only=("compiles", "exports"))]
    assert [each.reason for each in verdicts if not each.state.is_good] == []
    claims = subject.record.exportable
    assert [each.state for each in verdicts] == [State.PASSED, State.PASSED if claims else State.SKIPPED]


def test_our_own_networks_claim_that_they_can_be_exported(catalog):
    """Else the check of it would be skipped for all of them, and nobody would see."""
    claims = {name for name in OWN if catalog.architectures.get(name).record.exportable}
    assert {"zoo/lenet5", "zoo/resnet20_cifar", "zoo/vgg11_bn_cifar", "zoo/wrn16_4_cifar"} <= claims


def test_a_network_of_our_own_is_exported_and_computes_the_same(catalog):
    (check,) = checks_of("architectures", only=("exports",))
    assert judge(check, Subject(record=catalog.architectures.get("zoo/lenet5").record)).state is State.PASSED


@pytest.mark.parametrize("name", [entry.full_name for entry in CATALOG.recipes])
def test_a_recipe_conforms(hold, name):
    assert hold("recipes", name)


@pytest.mark.parametrize("name", [entry.full_name for entry in CATALOG.metrics])
def test_a_metric_conforms_and_states_what_it_is_for_a_case_worked_by_hand(hold, name):
    assert "known_cases" in hold("metrics", name)


@pytest.mark.parametrize("name", [entry.full_name for entry in CATALOG.listeners])
def test_a_listener_conforms_or_cannot_be_opened_here(hold, name):
    hold("listeners", name)


@pytest.mark.parametrize("name", [entry.full_name for entry in CATALOG.executors])
def test_an_executor_conforms_or_cannot_be_opened_here(hold, name):
    hold("executors", name)


@pytest.mark.parametrize("name", ["digits", "synthetic"])
def test_a_data_set_that_needs_no_files_conforms(hold, catalog, name, tmp_path):
    few = {"num_train": 400, "num_test": 200} if name == "synthetic" else {}
    options = {**catalog.datasets.get(name).record.options, **few}
    passed = hold("datasets", name, root=tmp_path, options=options)
    assert len(passed) == len(checks_of("datasets")) - 1  # no groups


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of twenty photos each."""
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        folder = tmp_path / "photos" / label
        folder.mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "photos"


def as_csv(photos: Path) -> Path:
    rows = [f"{path.relative_to(photos)},{path.parent.name}" for path in photos.rglob("*.png")]
    (photos / "labels.csv").write_text("\n".join(["path,label", *rows]))
    return photos / "labels.csv"


def as_parquet(photos: Path) -> Path:
    paths = sorted(photos.rglob("*.png"))
    images = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    table = pa.table({"image": images, "label": [path.parent.name for path in paths]})
    pq.write_table(table, photos / "train.parquet", row_group_size=7)
    return photos / "train.parquet"


def as_tar(photos: Path) -> Path:
    with tarfile.open(photos.with_name("photos.tar"), "w") as archive:
        archive.add(photos, arcname=".")
    return photos.with_name("photos.tar")


@pytest.mark.parametrize(
    ("kind", "of"), [("folder", lambda photos: photos), ("csv", as_csv), ("parquet", as_parquet), ("tar", as_tar)]
)
def test_a_data_set_of_the_users_own_files_conforms(hold, kind, of, photos):
    assert len(hold("datasets", kind, argument=str(of(photos)))) == len(checks_of("datasets")) - 1  # no groups


@pytest.mark.slow
def test_a_data_set_of_the_hub_conforms(hold, photos, monkeypatch):
    """A folder stands for one on the hub: the library takes either."""
    pytest.importorskip("datasets", reason="the extra 'datasets' is not installed")
    monkeypatch.chdir(photos.parent.parent)
    name = f"{photos.parent.name}/photos"
    assert (
        len(hold("datasets", "hf", argument=name, root=photos.parent / "root")) == len(checks_of("datasets")) - 1
    )  # no groups


@pytest.mark.parametrize("name", [entry.full_name for entry in CATALOG.datasets])
def test_a_missing_dataset_gives_one_sentence(catalog, name, tmp_path):
    subject = Subject(record=catalog.datasets.get(name).record, data_root=tmp_path)
    (check,) = checks_of("datasets", only=("absence_is_said",))
    verdict = judge(check, subject)
    assert verdict.state is State.PASSED, verdict.reason


@pytest.mark.slow
def test_cifar10_conforms(hold, data_root):
    assert len(hold("datasets", "cifar10", root=data_root)) == len(checks_of("datasets")) - 1  # no groups
