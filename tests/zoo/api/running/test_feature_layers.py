"""Combinations whose network lacks the layer that features are asked of leave a plan before it runs."""

from __future__ import annotations

import pytest

from harness.bench.job_runner import StoppedError
from harness.bench.local_jobs import LocalJobRunner
from harness.planning.plan import Plan, make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from zoo import Catalog
from zoo.api.running.feature_layers import key_of, with_known_layers, without
from zoo.events import Event
from zoo.loading import Sources

SOURCES = Sources(entry_points=False)


def plan(catalog: Catalog, *models: str, layer: object, seeds: int = 1) -> Plan:
    settings = {"recipe.layer": layer, "recipe.pretrained": False}
    request = BenchRequest.model_validate(
        {"models": models, "data": ["digits"], "recipes": ["probe"], "seeds": seeds, "set": settings}
    )
    return make_plan(select(request, catalog))


def test_a_network_without_the_layer_is_skipped_with_near_names(catalog: Catalog) -> None:
    asked = plan(catalog, "timm/resnet18", "lenet5", layer="layer3", seeds=2)
    events: list[Event] = []
    left = with_known_layers(asked, SOURCES, events.append)
    kept = {spec.architecture.display_name for spec in left.trials}
    assert len(left.skips) == 1
    assert "has no layer 'layer3'; expected head, pooled or a layer such as" in left.skips[0].reason
    assert len(left.trials) == 2
    assert len(kept) == 1
    assert events


@pytest.mark.parametrize("layer", ["head", "pooled"])
def test_layers_that_every_network_has_cost_nothing(catalog: Catalog, layer: str) -> None:
    asked = plan(catalog, "lenet5", layer=layer)
    events: list[Event] = []
    assert with_known_layers(asked, SOURCES, events.append) is asked
    assert events == []


def test_many_networks_without_the_layer_are_one_sentence(catalog: Catalog) -> None:
    names = [each.full_name for each in catalog.architectures if each.record.family == "resnet"][:12]
    asked = plan(catalog, *names, layer="nonesuch")
    assert len(asked.trials) == 12
    left = without(asked, {key_of(spec): f"{spec.architecture.full_name} has others" for spec in asked.trials})
    assert left.trials == ()
    (sentence,) = left.skip_sentences
    assert sentence.startswith("skipped: 12 combinations: the network has no layer 'nonesuch'")


def test_ctrl_c_meanwhile_stops_the_bench(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was lost: the check ended, and the bench went on."""

    def stop(_runner: LocalJobRunner, _kind: str, **_: object) -> None:
        raise StoppedError

    monkeypatch.setattr(LocalJobRunner, "ask", stop)
    with pytest.raises(KeyboardInterrupt):
        with_known_layers(plan(catalog, "lenet5", layer="layer3"), SOURCES, lambda _: None)
