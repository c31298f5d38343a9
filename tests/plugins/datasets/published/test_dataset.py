"""What is stated about a published dataset."""

from __future__ import annotations

from plugins.datasets.published.dataset import Published, Resource
from zoo import Splits


def test_a_file_is_named_as_in_its_first_address() -> None:
    resource = Resource(urls=("https://one.example/a/cars.tar.gz", "https://two.example/other-name.tar.gz"))
    assert resource.filename == "cars.tar.gz"


def test_the_first_value_of_an_option_is_its_default() -> None:
    def read(root: object, options: object) -> Splits:
        raise AssertionError("nothing is read before a dataset is asked for")

    published = Published(
        name="cars",
        summary="",
        source="",
        layout="cars/{}",
        read=read,
        choices={"level": ("variant", "family"), "partition": (1, 2)},
    )
    assert published.defaults == {"level": "variant", "partition": 1}
