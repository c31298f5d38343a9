"""torchvision's models: by full name, with heads and input channels as asked for."""

from __future__ import annotations

import importlib.metadata
import json
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
import torchvision

from harness.networks.complexity import meta_copy
from harness.networks.small_images import adapt_small_images
from plugins.architectures import torchvision_models
from zoo import ModelRequest
from zoo.errors import PluginError, UnknownNameError, UsageError

NAMES = torchvision.models.list_models(module=torchvision.models)


@pytest.fixture(scope="module")
def models():
    return {each.name: each for each in torchvision_models.zoo_architectures()}


def build(architecture, *, num_classes=7, in_channels=3, image_size=None, pretrained=False, **options):
    return architecture.build(
        ModelRequest(
            num_classes=num_classes,
            in_channels=in_channels,
            image_size=image_size or architecture.native_size,
            pretrained=pretrained,
            options={**architecture.options, **options},
        )
    )


def on_meta(architecture, **arguments):
    if architecture.name.startswith("regnet"):  # its builder computes with tensors
        return meta_copy(build(architecture, **arguments))
    with torch.device("meta"):
        return build(architecture, **arguments)


def check_logits(architecture, *, image_size, in_channels):
    model = on_meta(architecture, image_size=image_size, in_channels=in_channels)
    if architecture.adapts_small_images and image_size < 64:
        adapt_small_images(model, image_size=image_size, in_channels=in_channels)
    images_BCHW = torch.zeros(2, in_channels, image_size, image_size, device="meta")
    for mode in (model.eval, model.train):  # with auxiliary heads, training would give a tuple
        assert mode()(images_BCHW).shape == (2, 7)


def test_every_classification_model_is_listed_by_full_name_only(models):
    assert list(models) == NAMES
    assert {(each.namespace, each.short) for each in models.values()} == {("torchvision", False)}
    assert {each.version for each in models.values()} == {importlib.metadata.version("torchvision")}


def test_the_catalog_gives_the_short_name_to_timm(catalog):
    assert catalog.architectures.get("resnet18").full_name == "timm/resnet18"
    assert catalog.architectures.get("torchvision/resnet18").full_name == "torchvision/resnet18"


SMALLEST_OF_EACH_FAMILY = [
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_t",
    "swin_v2_t",
    "vgg11",
    "vit_b_32",
]


def test_the_families_below_are_all_that_there_are(models):
    assert {models[name].family for name in SMALLEST_OF_EACH_FAMILY} == {each.family for each in models.values()}


@pytest.mark.parametrize("in_channels", [1, 3])
@pytest.mark.parametrize("name", SMALLEST_OF_EACH_FAMILY)
def test_heads_and_channels_are_as_requested_in_every_family(models, name, in_channels):
    check_logits(models[name], image_size=models[name].native_size, in_channels=in_channels)


@pytest.mark.parametrize("name", SMALLEST_OF_EACH_FAMILY)
def test_the_smallest_size_that_is_stated_is_taken(models, name):
    check_logits(models[name], image_size=models[name].min_size, in_channels=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_model_gives_logits(models, name):
    check_logits(models[name], image_size=models[name].native_size, in_channels=1)


@pytest.mark.parametrize(("name", "size", "step"), [("vit_b_16", 40, 16), ("vit_b_32", 28, 32), ("maxvit_t", 32, 224)])
def test_a_size_that_cannot_be_cut_into_patches_is_one_sentence(models, name, size, step):
    with pytest.raises(UsageError, match=f"needs image sides that are multiples of {step} pixels, got {size}"):
        build(models[name], image_size=size)


def test_the_same_seed_makes_the_same_network_for_any_channels(models):
    for in_channels in (1, 3, 5):
        states = []
        for _ in range(2):
            torch.manual_seed(3)
            states.append(build(models["squeezenet1_1"], in_channels=in_channels).state_dict())
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_a_new_first_convolution_keeps_the_scale_of_what_comes_out(models):
    torch.manual_seed(3)
    deviations = {}
    for in_channels in (1, 3, 12):
        conv1 = build(models["resnet18"], in_channels=in_channels).conv1
        deviations[in_channels] = conv1(torch.randn(16, in_channels, 32, 32)).std().item()
    assert deviations[1] == pytest.approx(deviations[3], rel=0.15)
    assert deviations[12] == pytest.approx(deviations[3], rel=0.15)


def test_weights_that_are_not_known_are_one_sentence(models):
    with pytest.raises(UnknownNameError, match=r"did you mean 'IMAGENET1K_V1'\? \(it has IMAGENET1K_V1"):
        build(models["resnet18"], pretrained=True, weights="IMAGENET1K_V7")
    with pytest.raises(UsageError, match="needs a recipe that starts from published weights"):
        build(models["resnet18"], weights="IMAGENET1K_V1")


@pytest.fixture
def published(monkeypatch, tmp_path):
    """Put weights of untrained networks where torchvision looks for downloaded ones."""
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def put(name, **arguments):
        torch.manual_seed(1)
        state = torchvision.models.get_model(name, **arguments).state_dict()
        url = torchvision.models.get_model_weights(name).DEFAULT.url
        torch.save(state, checkpoints / url.rpartition("/")[2])
        return state

    return put


def test_published_weights_come_with_a_new_head(models, published):
    state = published("squeezenet1_1")
    loaded = build(models["squeezenet1_1"], pretrained=True).state_dict()
    assert loaded["classifier.1.weight"].shape[0] == 7
    rest = {key: value for key, value in state.items() if not key.startswith("classifier.")}
    assert all(torch.equal(loaded[key], value) for key, value in rest.items())


def test_published_weights_keep_their_head_for_a_thousand_classes(models, published):
    state = published("squeezenet1_1")
    loaded = build(models["squeezenet1_1"], num_classes=1000, pretrained=True).state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())


def test_published_weights_see_a_grey_image_as_they_see_it_repeated(models, published):
    published("shufflenet_v2_x0_5")
    images_BCHW = torch.randn(2, 1, 64, 64)
    colour = build(models["shufflenet_v2_x0_5"], num_classes=1000, pretrained=True).eval()
    grey = build(models["shufflenet_v2_x0_5"], num_classes=1000, in_channels=1, pretrained=True).eval()
    with torch.no_grad():
        assert torch.allclose(grey(images_BCHW), colour(images_BCHW.repeat(1, 3, 1, 1)), atol=1e-4)


def test_auxiliary_heads_of_published_weights_are_left_off(models, published):
    state = published("googlenet", aux_logits=True, init_weights=False)
    loaded = build(models["googlenet"], pretrained=True).state_dict()
    assert not any("aux" in key for key in loaded)
    assert torch.equal(loaded["conv1.conv.weight"], state["conv1.conv.weight"])


def test_without_a_network_one_sentence_explains_where_weights_go(models, monkeypatch, tmp_path):
    def no_address(*arguments, **settings):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    monkeypatch.setattr(torch.hub, "download_url_to_file", None)  # it is not even tried
    with pytest.raises(PluginError) as caught:
        build(models["squeezenet1_1"], pretrained=True)
    message = str(caught.value)
    assert message.startswith(
        "the published weights of torchvision/squeezenet1_1 cannot be loaded: there is no connection "
        "to https://download.pytorch.org; "
    )
    assert f"squeezenet1_1-b8a52dc0.pth into {tmp_path}/hub/checkpoints (TORCH_HOME moves that folder)" in message


def test_images_are_prepared_as_for_the_weights_and_for_what_the_network_was_trained_on(models):
    def preparation(name, weights=None):
        return models[name].preparation({"weights": weights})

    assert preparation("resnet18").mean == (0.485, 0.456, 0.406)
    assert preparation("resnet18").interpolation == "bilinear"
    assert (preparation("resnet50").scaled_size, preparation("resnet50", "IMAGENET1K_V1").scaled_size) == (232, 256)
    assert preparation("swin_t").interpolation == "bicubic"
    assert preparation("inception_v3").std == (0.5, 0.5, 0.5)
    assert preparation("vit_b_16", "IMAGENET1K_SWAG_E2E_V1").size == 384


def test_pixels_equal_those_of_torchvisions_transforms_for_each_kind_of_published_weights(models):
    from PIL import Image
    from torchvision.models import get_model_weights

    from harness.data.image_files.fitting import fit_image

    shapes = ((500, 375), (333, 517), (641, 213), (97, 101))
    draw = np.random.default_rng(5).integers
    images = [
        Image.fromarray(draw(0, 256, (height // 7, width // 7, 3), dtype=np.uint8)).resize((width, height))
        for width, height in shapes
    ]
    kinds = {}
    for name, model in models.items():
        for weights in get_model_weights(name):
            kinds.setdefault(model.preparation({"weights": weights.name}).view, weights)
    assert len(kinds) > 15
    for kind, weights in kinds.items():
        transform = weights.transforms()
        mean, std = (torch.tensor(each).view(3, 1, 1) for each in (transform.mean, transform.std))
        for image in images:
            expected = ((transform(image) * std + mean) * 255).round().permute(1, 2, 0).numpy()
            assert np.abs(fit_image(image, kind).astype(int) - expected).max() == 0, (weights, image.size)


def test_our_normalisation_for_inception_is_what_its_own_input_layer_computes():
    """torchvision's Inception shifts ImageNet's normalisation to pixels in [-1, 1]; that is mean and deviation 0.5."""
    pixels_BCHW = torch.rand(1, 3, 4, 4)
    mean_C, std_C = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normalised_BCHW = (pixels_BCHW - mean_C[:, None, None]) / std_C[:, None, None]
    with torch.device("meta"):
        model = torchvision.models.inception_v3(transform_input=True, init_weights=False)
    assert torch.allclose(model._transform_input(normalised_BCHW), (pixels_BCHW - 0.5) / 0.5, atol=1e-6)


def test_a_warm_listing_imports_neither_torch_nor_torchvision(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    names = [each.name for each in torchvision_models.zoo_architectures()]
    command = (
        "import json, sys\n"
        "from plugins.architectures import torchvision_models\n"
        "names = [each.name for each in torchvision_models.zoo_architectures()]\n"
        "print(json.dumps([names, [name for name in ('torch', 'torchvision', 'numpy') if name in sys.modules]]))\n"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [names, []]


def test_figures_are_those_that_torchvision_states_for_the_weights(models):
    from zoo.class_list import imagenet_classes

    def head(name, weights=None):
        return models[name].head({"weights": weights})

    accuracy, top5 = head("resnet18").figures
    assert (accuracy.metric, accuracy.value, accuracy.dataset) == ("accuracy", pytest.approx(0.69758), "ImageNet-1K")
    assert (top5.metric, top5.value) == ("top5", pytest.approx(0.89078))
    assert accuracy.source.endswith("IMAGENET1K_V1")
    assert accuracy.preparation.startswith("224 px, crop 0.875")
    assert head("resnet18").classes == imagenet_classes()
    first, second = (head("resnet50", f"IMAGENET1K_V{number}").figures[0].value for number in (1, 2))
    assert (first, second) == (pytest.approx(0.7613), pytest.approx(0.80858))
    assert head("resnet50").figures[0].value == second


def test_published_weights_say_what_they_were_trained_on(models):
    vit = models["vit_b_16"]
    assert vit.pretraining(vit.options) == ("imagenet1k",)
    assert vit.pretraining({**vit.options, "weights": "IMAGENET1K_SWAG_E2E_V1"}) == ("imagenet1k", "instagram")
