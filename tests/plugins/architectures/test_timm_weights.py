"""Published weights of timm's models: their tags, and whether they can be loaded."""

from __future__ import annotations

import pytest

from plugins.architectures.timm_weights import chosen_tag, config_of, tags_of_models
from zoo.errors import UnavailableWeightsError, UnknownNameError

timm = pytest.importorskip("timm")


@pytest.mark.parametrize("name", ["resnet18", "vit_base_patch16_224", "resnet34d", "lcnet_035"])
def test_the_tags_of_a_model_are_those_that_timm_lists_in_its_order(name):
    listed = [full.partition(".")[2] for full in timm.list_pretrained(f"{name}.*")]
    assert tags_of_models().get(name, []) == listed


def test_a_tag_chooses_its_weights_and_none_the_first_of_the_model():
    tags = tags_of_models()["resnet18"]
    assert config_of({"weights": tags[-1]}, "resnet18").tag == tags[-1]
    assert config_of({"weights": None}, "resnet18").tag == timm.get_pretrained_cfg("resnet18").tag
    with pytest.raises(UnknownNameError, match=f"it has {tags[0]}"):
        chosen_tag("resnet18", tags, {"weights": "nonesuch"})


def test_weights_are_absent_where_the_hub_must_not_be_asked(catalog, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    network = catalog.architectures.get("timm/resnet18").record
    with pytest.raises(UnavailableWeightsError, match=r"timm/resnet18 .*hf download") as caught:
        network.check_weights(network.options)
    assert caught.value.cause == "HF_HUB_OFFLINE is set"
