"""The layers of a trial's preparation: user over recipe over published weights over dataset and architecture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.planning.plan import Plan, make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from zoo.errors import ManyErrors, UsageError
from zoo.loading import Sources, build_catalog
from zoo.preparation import Preparation

PUBLISHED = Preparation(
    size=240, fit="squash", crop_share=0.9, interpolation="bilinear", mean=(0.1, 0.2, 0.3), std=(0.5,) * 3
)


PLUGIN = """
from zoo import Architecture, Dataset, Hyperparameters, Preparation, Recipe, hookimpl
from zoo.errors import UsageError

def published(options):
    if options["weights"] == "gone":
        raise UsageError("there are no weights 'gone'")
    if options["weights"] == "broken":
        raise RuntimeError("no luck")
    return Preparation(
        size=240, fit="squash", crop_share=0.9, interpolation="bilinear", mean=(0.1, 0.2, 0.3), std=(0.5,) * 3
    )

@hookimpl
def zoo_architectures():
    options = {"weights": None}
    yield Architecture(name="net", build=print, has_pretrained=True, preparation=published, options=options, min_size=8)
    yield Architecture(name="tiny", build=print, native_size=28)

@hookimpl
def zoo_datasets():
    yield Dataset(name="photos", load=print)
    yield Dataset(name="squares", load=print, image_size=32)

@hookimpl
def zoo_recipes():
    tuned = lambda: Hyperparameters(pretrained=True)
    yield Recipe(name="scratch", hyperparameters=Hyperparameters)
    yield Recipe(name="tuned", hyperparameters=tuned)
    yield Recipe(name="own", hyperparameters=tuned, preparation=Preparation(size=192, crop_share=1.0))
"""


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    file = tmp_path / "toys.py"
    file.write_text(PLUGIN)
    catalog = build_catalog(Sources(files=(str(file),), builtin=False, entry_points=False, strict=True))

    def run(model: str = "net", data: str = "photos", recipe: str = "tuned", **asked: object) -> Plan:
        raw = {"models": [model], "data": [data], "recipes": [recipe], "seeds": 1, **asked}
        return make_plan(select(BenchRequest.parse(raw, origin="a test"), catalog))

    return run


def test_published_weights_state_how_images_are_prepared(plan: Callable[..., Plan]) -> None:
    for data in ("photos", "squares"):
        (trial,) = plan(data=data).trials
        assert trial.preparation == PUBLISHED.over(Preparation(antialias=True))


def test_a_recipe_is_heard_before_the_weights_and_the_user_before_both(plan: Callable[..., Plan]) -> None:
    (trial,) = plan(recipe="own").trials
    assert trial.preparation is not None
    assert (trial.preparation.size, trial.preparation.crop_share, trial.preparation.fit) == (192, 1.0, "squash")
    asked = {"data.image_size": 64, "data.fit": "pad", "data.interpolation": "lanczos"}
    (trial,) = plan(recipe="own", set=asked).trials
    found = trial.preparation
    assert found is not None
    assert (found.size, found.fit, found.interpolation, found.crop_share) == (64, "pad", "lanczos", 1.0)
    assert (found.mean, found.fill) == (PUBLISHED.mean, (26, 51, 76))
    assert trial.dataset.asked == Preparation(size=64, fit="pad", interpolation="lanczos")


def test_without_weights_the_size_is_that_of_the_images_as_far_as_it_is_known(plan: Callable[..., Plan]) -> None:
    sizes = {}
    for model in ("net", "tiny"):
        for data in ("photos", "squares"):
            (trial,) = plan(model, data, "scratch").trials
            assert trial.preparation is not None
            assert trial.preparation.mean is None
            sizes[model, data] = trial.preparation.size
    assert sizes == {("net", "photos"): None, ("net", "squares"): 32, ("tiny", "photos"): None, ("tiny", "squares"): 32}


def test_image_size_is_short_for_the_override(plan: Callable[..., Plan]) -> None:
    (trial,) = plan(image_size=96).trials
    assert trial.preparation is not None
    assert trial.preparation.size == 96
    with pytest.raises(UsageError, match=r"data\.image_size is set twice, to 64 and 96"):
        plan(image_size=96, set={"data.image_size": 64})


@pytest.mark.parametrize(("weights", "reason"), [("gone", "no weights 'gone'"), ("broken", "RuntimeError: no luck")])
def test_weights_that_cannot_be_asked_are_skipped_with_the_reason(
    plan: Callable[..., Plan], weights: str, reason: str
) -> None:
    found = plan(set={"model.weights": weights})
    assert found.trials == ()
    assert reason in found.skips[0].reason


def test_a_size_that_the_network_does_not_take_is_skipped(plan: Callable[..., Plan]) -> None:
    (skip,) = plan(image_size=4).skips
    assert skip.reason == "the network takes images of at least 8 px, and these have 4"


def test_all_mistakes_are_reported_together(plan: Callable[..., Plan]) -> None:
    with pytest.raises(ManyErrors) as caught:
        plan(set={"data.fit": "zoom", "data.image_size": "big", "data.interpolation": 3})
    texts = " ".join(map(str, caught.value.errors))
    for name in (
        "data.fit: input should be 'crop', 'pad' or 'squash', got 'zoom'",
        "data.image_size",
        "data.interpolation",
    ):
        assert name in texts
    with pytest.raises(UsageError, match=r"crop_share must be above 0 and at most 2, got 2\.5"):
        plan(set={"data.crop_share": 2.5})
