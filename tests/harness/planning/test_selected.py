"""What a request selects is shown as a user types it."""

from __future__ import annotations

from harness.planning.request import BenchRequest
from harness.planning.selected import SelectedArchitecture, SelectedDataset
from harness.planning.selection import select
from zoo.catalog import Catalog
from zoo.preparation import Preparation


def test_the_name_of_a_network_ends_with_its_tag(catalog: Catalog) -> None:
    entry = catalog.architectures.get("lenet5")
    assert SelectedArchitecture(entry=entry, options={}).display_name == "lenet5"
    assert SelectedArchitecture(entry=entry, options={}, tag="a1_in1k").display_name == "lenet5.a1_in1k"


def test_the_name_of_a_dataset_ends_with_its_argument(catalog: Catalog) -> None:
    entry = catalog.datasets.get("folder")
    for argument, name in (("", "folder"), ("photos/2027", "folder:photos/2027")):
        dataset = SelectedDataset(entry=entry, argument=argument, options={}, asked=Preparation(), bit_depth=None)
        assert dataset.display_name == name


def test_a_selection_has_all_that_a_plan_combines(catalog: Catalog) -> None:
    raw = {"models": ["lenet5"], "data": ["digits"], "recipes": ["sgd_quick"], "seeds": 2, "first_seed": 5}
    selection = select(BenchRequest.parse(raw, origin="a test"), catalog)
    assert [each.display_name for each in selection.architectures] == ["lenet5"]
    assert [each.display_name for each in selection.datasets] == ["digits"]
    assert [each.entry.display_name for each in selection.recipes] == ["sgd_quick"]
    assert selection.seeds == (5, 6)
