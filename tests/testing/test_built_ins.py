"""Every built-in keeps the promises that plugins are held to: all of our own, timm's and torchvision's by sample.

Networks that take seconds a check, and the wider sample, are slow tests.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo import Catalog
from zoo.loading import Sources, build_catalog
from zoo.testing import State, Subject, judge
from zoo.testing.checks import checks_of

CATALOG = build_catalog(Sources(entry_points=False))
OWN = [entry.full_name for entry in CATALOG.architectures if entry.full_name.startswith("zoo/")]
LARGE = {"zoo/resnet110_cifar", "zoo/vgg19_bn_cifar", "zoo/vgg16_bn_cifar", "zoo/wrn28_10_cifar"}
FAST_SAMPLE = ("timm/resnet18", "torchvision/resnet18")
WIDE_SAMPLE = (
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


def hold(catalog: Catalog, kind: str, name: str, *, argument: str = "", root: Path | None = None, slow: bool = False):
    """Assert that a built-in passes every check, or that there is nothing to look at."""
    record = getattr(catalog, kind).get(name).record
    subject = Subject(record=record, argument=argument, data_root=root)
    verdicts = [judge(check, subject) for check in checks_of(kind, slow=slow)]
    bad = [f"{each.check}: {each.reason}\n{each.traceback}" for each in verdicts if not each.state.is_good]
    assert not bad, "\n".join(bad)
    return [each for each in verdicts if each.state is State.PASSED]


@pytest.mark.parametrize("name", [name for name in OWN if name not in LARGE])
def test_a_network_of_our_own_conforms(catalog, name):
    assert len(hold(catalog, "architectures", name)) == len(checks_of("architectures"))


@pytest.mark.parametrize("name", FAST_SAMPLE)
def test_a_network_of_a_library_conforms(catalog, name):
    hold(catalog, "architectures", name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*sorted(LARGE), *WIDE_SAMPLE])
def test_a_network_that_takes_its_time_conforms(catalog, name):
    hold(catalog, "architectures", name)


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
def test_a_recipe_conforms(catalog, name):
    assert hold(catalog, "recipes", name)


@pytest.mark.parametrize("name", [entry.full_name for entry in CATALOG.metrics])
def test_a_metric_conforms_and_states_what_it_is_for_a_case_worked_by_hand(catalog, name):
    assert "known_cases" in [each.check for each in hold(catalog, "metrics", name)]


@pytest.mark.parametrize("name", [entry.full_name for entry in CATALOG.listeners])
def test_a_listener_conforms_or_cannot_be_opened_here(catalog, name):
    hold(catalog, "listeners", name)


@pytest.mark.parametrize("name", ["digits", "synthetic"])
def test_a_data_set_that_needs_no_files_conforms(catalog, name, tmp_path):
    passed = hold(catalog, "datasets", name, root=tmp_path)
    assert len(passed) == len(checks_of("datasets"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of twenty photos each, and a table of them."""
    rng = np.random.default_rng(0)
    rows = ["path,label"]
    for label in ("cat", "dog"):
        folder = tmp_path / "photos" / label
        folder.mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
            rows.append(f"{label}/{number}.png,{label}")
    (tmp_path / "photos" / "labels.csv").write_text("\n".join(rows))
    return tmp_path / "photos"


@pytest.mark.parametrize("kind", ["folder", "csv"])
def test_a_data_set_of_the_users_own_files_conforms(catalog, kind, photos):
    argument = photos if kind == "folder" else photos / "labels.csv"
    passed = hold(catalog, "datasets", kind, argument=str(argument))
    assert len(passed) == len(checks_of("datasets"))


@pytest.mark.parametrize("name", [entry.full_name for entry in CATALOG.datasets])
def test_a_data_set_that_is_not_here_says_so_in_one_sentence(catalog, name, tmp_path):
    subject = Subject(record=catalog.datasets.get(name).record, data_root=tmp_path)
    (check,) = checks_of("datasets", only=("absence_is_said",))
    verdict = judge(check, subject)
    assert verdict.state is State.PASSED, verdict.reason


@pytest.mark.slow
def test_cifar10_conforms(catalog, data_root):
    assert len(hold(catalog, "datasets", "cifar10", root=data_root)) == len(checks_of("datasets"))
