"""timm's models: all are listed, and each is built for the classes, channels and pixels that it is asked for."""

from __future__ import annotations

import fnmatch
import functools
import json
import socket
import subprocess
import sys

import numpy as np
import pytest
import timm
import torch

from harness.networks.small_images import adapt_small_images
from plugins.architectures import timm_models, weights
from zoo import ModelRequest
from zoo.errors import PluginError, UnknownNameError, UsageError
from zoo.names import check_name
from zoo.pretraining import IMAGENET_1K


@pytest.fixture(scope="module")
def models():
    return {each.name: each for each in timm_models.zoo_architectures()}


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


def logits_on_meta(architecture, *, in_channels=3, image_size=None, **arguments):
    size = image_size or architecture.native_size
    with torch.device("meta"), torch.no_grad():
        model = build(architecture, in_channels=in_channels, image_size=size, **arguments).eval()
        if architecture.adapts_small_images and size < 64:
            adapt_small_images(model, image_size=size, in_channels=in_channels)
        return model(torch.zeros(2, in_channels, size, size))


def test_every_model_of_timm_is_listed_under_a_valid_name(models):
    assert list(models) == timm.list_models()
    assert all(check_name(name) == name for name in models)
    assert {(each.namespace, each.short, each.version) for each in models.values()} == {
        ("timm", True, timm.__version__)
    }


def test_the_listing_matches_timm(models):
    resnet, deit = models["resnet50"], models["deit3_small_patch16_384"]
    assert (resnet.family, resnet.native_size, resnet.adapts_small_images) == ("resnet", 224, True)
    assert (deit.family, deit.native_size, deit.adapts_small_images, deit.min_size) == ("deit", 384, False, 16)
    pretrained = {each.name for each in models.values() if each.has_pretrained}
    assert pretrained == {name for name in models if timm.is_model_pretrained(name)}


@pytest.mark.parametrize(
    ("pattern", "adapts"),
    [
        ("resnet??", True),
        ("resnet*_clip", False),  # pooled by attention that is made for one size
        ("efficientnet_b?", True),
        ("mobilenetv3*", True),
        ("regnet*", True),
        ("densenet*", True),
        ("convnext_*", True),
        ("vgg*", True),
        ("vit_*_patch16_224", False),
        ("deit3_*", False),
        ("swin_*", False),
        ("mixer_*", False),
        ("maxvit_*", False),
    ],
)
def test_networks_of_strided_convolutions_adapt_to_small_images_and_transformers_do_not(models, pattern, adapts):
    matching = fnmatch.filter(models, pattern)
    assert matching
    assert {models[name].adapts_small_images for name in matching} == {adapts}


SAMPLE = [
    "resnet10t",
    "resnetv2_18",
    "efficientnet_b0",
    "mobilenetv3_small_050",
    "regnetx_002",
    "densenet121",
    "convnext_atto",
    "vgg11",
    "vit_tiny_patch16_224",
    "deit_tiny_patch16_224",
    "swin_tiny_patch4_window7_224",
    "mixer_s16_224",
    "test_nfnet",
    "test_byobnet",
]


@pytest.mark.parametrize("name", SAMPLE)
def test_heads_channels_and_pixels_are_as_requested(models, name):
    assert logits_on_meta(models[name], num_classes=2).shape == (2, 2)
    assert logits_on_meta(models[name], num_classes=11, in_channels=1, image_size=32).shape == (2, 11)


@pytest.mark.parametrize("name", SAMPLE)
def test_the_smallest_size_that_is_stated_is_taken(models, name):
    smallest = models[name].min_size
    assert smallest <= 32
    assert logits_on_meta(models[name], in_channels=1, image_size=smallest).shape == (2, 7)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_efficientnet", "test_convnext"])
def test_the_same_seed_makes_the_same_network(models, name):
    def logits(in_channels):
        torch.manual_seed(5)
        model = build(models[name], in_channels=in_channels, image_size=32).eval()
        with torch.no_grad():
            return model(torch.linspace(-1, 1, in_channels * 1024).reshape(1, in_channels, 32, 32))

    for in_channels in (1, 3):
        assert torch.equal(logits(in_channels), logits(in_channels))
        assert torch.isfinite(logits(in_channels)).all()


def test_trying_a_size_without_weights_first_draws_no_random_numbers(models):
    """What a model starts from depends on the seed only, not on whether it was tried out before."""
    torch.manual_seed(5)
    ours = build(models["test_vit"], image_size=32, drop_rate=0.1)
    torch.manual_seed(5)
    theirs = timm.create_model("test_vit", num_classes=7, img_size=32, drop_rate=0.1)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_dropout_and_stochastic_depth_can_be_set(models):
    with torch.device("meta"):
        model = build(models["resnet18"], drop_rate=0.25, drop_path_rate=0.5)
    assert model.drop_rate == 0.25
    assert "DropPath" in {type(each).__name__ for each in model.modules()}


def test_an_option_that_a_model_does_not_take_is_one_sentence(models):
    with pytest.raises(UsageError, match=r"timm/vgg11 does not take model\.drop_path_rate"):
        build(models["vgg11"], drop_path_rate=0.1)
    with pytest.raises(UsageError, match=r"model\.drop_rate must be a number of at least 0 and below 1, got 1\.5"):
        build(models["resnet18"], drop_rate=1.5)


@pytest.mark.parametrize(("name", "size"), [("vit_tiny_patch16_224", 8), ("crossvit_tiny_240", 64)])
def test_a_size_that_a_transformer_cannot_take_is_one_sentence(models, name, size):
    with pytest.raises(
        UsageError, match=rf"timm/{name} does not take images of {size} × {size} pixels with 3 channels: "
    ):
        build(models[name], image_size=size)


def test_channels_that_a_model_cannot_take_are_one_sentence(models, recwarn):
    """timm warns of it and then fails in the first forward pass."""
    with pytest.raises(UsageError, match=r"timm/csatv2 does not take images of 512 × 512 pixels with 1 channel: "):
        build(models["csatv2"], in_channels=1)


def test_an_encoder_without_a_head_is_one_sentence(models):
    with (
        torch.device("meta"),
        pytest.raises(UsageError, match="qwen3_vit_88m_enc is an encoder without a classification head"),
    ):
        build(models["qwen3_vit_88m_enc"])


def test_weights_need_a_model_that_has_some_and_a_tag_that_exists(models):
    without = next(each for each in models.values() if not each.has_pretrained)
    with torch.device("meta"):
        with pytest.raises(UsageError, match="has no published weights"):
            build(without, pretrained=True)
        with pytest.raises(UnknownNameError, match=r"did you mean 'a1_in1k'.*\(it has a1_in1k, "):
            build(models["resnet18"], pretrained=True, weights="a1_in")
        with pytest.raises(UsageError, match="weights=a1_in1k needs a recipe that starts from published"):
            build(models["resnet18"], weights="a1_in1k")


def test_without_a_network_one_sentence_explains_where_weights_go(models, monkeypatch, tmp_path):
    def no_address(*arguments, **settings):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(weights.urllib.request, "getproxies", dict)
    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(PluginError) as caught:
        build(models["test_resnet"], pretrained=True)
    message = str(caught.value)
    assert message.startswith("the published weights of timm/test_resnet (timm/test_resnet.r160_in1k on the")
    assert "there is no connection to https://" in message
    assert f"copy its folder into {tmp_path} (HF_HOME moves that folder)" in message


def test_the_hub_is_not_asked_where_that_is_forbidden(models, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(socket, "getaddrinfo", None)
    with pytest.raises(PluginError, match="cannot be loaded: HF_HUB_OFFLINE is set; on a machine with a network"):
        build(models["test_resnet"], pretrained=True)


@pytest.fixture
def published(monkeypatch, tmp_path):
    """Weights of test_resnet as the hub's cache holds them."""
    from safetensors.torch import save_file

    torch.manual_seed(1)
    state = timm.create_model("test_resnet").state_dict()
    folder = tmp_path / "models--timm--test_resnet.r160_in1k"
    (folder / "snapshots" / "00").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("00")
    save_file(state, folder / "snapshots" / "00" / "model.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return state


def test_cached_weights_are_loaded_without_a_network_with_a_new_head(models, published, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", None)
    model = build(models["test_resnet"], num_classes=7, pretrained=True)
    loaded = model.state_dict()
    assert loaded["fc.weight"].shape[0] == 7
    assert all(torch.equal(loaded[key], value) for key, value in published.items() if not key.startswith("fc."))


def test_for_grey_images_the_first_kernels_of_published_weights_are_summed(models, published):
    model = build(models["test_resnet"], in_channels=1, pretrained=True)
    summed = published["conv1.0.weight"].sum(dim=1, keepdim=True)
    assert torch.allclose(model.conv1[0].weight, summed, atol=1e-6)


def test_images_are_prepared_as_for_the_chosen_weights(models):
    """timm#1383, #1324: another mean, deviation or resize than the weights were trained with cost points."""
    vit = models["vit_base_patch16_224"]
    chosen = vit.preparation({**vit.options, "weights": "orig_in21k_ft_in1k"})
    assert (chosen.mean, chosen.std, chosen.interpolation) == ((0.5,) * 3, (0.5,) * 3, "bicubic")
    assert vit.preparation({**vit.options, "weights": "dino"}).mean == (0.485, 0.456, 0.406)
    with pytest.raises(UnknownNameError, match="weights tag of timm/vit_base_patch16_224"):
        vit.preparation({**vit.options, "weights": "orig_in21k_ft_in1"})
    with pytest.raises(UsageError, match="no published weights"):
        models["test_vit4"].preparation(vit.options)


def test_test_time_values_take_precedence_where_weights_state_them(models):
    resnet = models["resnet50"]
    found = resnet.preparation({**resnet.options, "weights": "a1_in1k"})
    assert (found.size, found.crop_share, found.interpolation) == (288, 1.0, "bicubic")


@pytest.fixture(scope="module")
def photographs():
    """Pictures of several shapes, upright and in colour."""
    from PIL import Image

    shapes = ((500, 375), (333, 517), (641, 213), (97, 101))
    draw = np.random.default_rng(5).integers
    coarse = [Image.fromarray(draw(0, 256, (height // 7, width // 7, 3), dtype=np.uint8)) for width, height in shapes]
    return [image.resize(shape, Image.Resampling.BICUBIC) for image, shape in zip(coarse, shapes, strict=True)]


def test_pixels_equal_those_of_timms_transforms_for_each_kind_of_published_weights(models, photographs):
    """Issue 17: the maximum difference is one grey level; here there is none."""
    from timm.data import create_transform
    from timm.data.config import resolve_data_config

    from harness.data.image_files.fitting import fit_image

    kinds = {}
    for full in timm.list_pretrained():
        name, _, tag = full.partition(".")
        found = models[name].preparation({**models[name].options, "weights": tag or None})
        kinds.setdefault(found.view, full)
    assert len(kinds) > 50
    assert {kind.fit for kind in kinds} >= {"crop", "squash"}
    assert {kind.interpolation for kind in kinds} >= {"bicubic", "bilinear"}
    assert min(kind.size for kind in kinds) <= 160
    assert max(kind.size for kind in kinds) >= 448
    for kind, full in kinds.items():
        if kind.size > 600:
            continue
        config = resolve_data_config({}, pretrained_cfg=timm.get_pretrained_cfg(full).to_dict(), use_test_size=True)
        reference = create_transform(**config, normalize=False)
        for image in photographs[:2] if kind.size > 300 else photographs:
            expected = np.asarray(reference(image)).transpose(1, 2, 0)
            assert (fit_image(image, kind) == expected).all(), (full, image.size)


def test_a_warm_listing_imports_neither_torch_nor_timm(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    names = [each.name for each in timm_models.zoo_architectures()]
    command = (
        "import json, sys\n"
        "from plugins.architectures import cifar_nets, small_cnns, timm_models\n"
        "modules = (timm_models, cifar_nets, small_cnns)\n"
        "names = [each.name for module in modules for each in module.zoo_architectures()]\n"
        "heavy = [name for name in ('torch', 'timm', 'torchvision', 'numpy') if name in sys.modules]\n"
        "print(json.dumps([names, heavy]))\n"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    listed, heavy = json.loads(done.stdout)
    assert listed[: len(names)] == names
    assert heavy == []


def test_facts_of_weights_are_read_once_for_all_models(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(timm_models, "cached_json", lambda name, make: read.append(name) or make())
    for function in (timm_models._heads, timm_models._preparations):
        monkeypatch.setattr(timm_models, function.__name__, functools.cache(function.__wrapped__))
    for name in ("resnet18", "resnet50", "resnet18"):
        assert timm_models._preparation({"weights": None}, name=name).size in (224, 288)
        assert timm_models._pretraining({"weights": None}, name=name) == (IMAGENET_1K,)
    assert len(read) == len(set(read)) == 2


def test_an_unwritable_cache_does_not_prevent_listing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file" / "cache"))
    assert sum(1 for _ in timm_models.zoo_architectures()) == len(timm.list_models())


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "family", sorted({timm.model_entrypoint(n).__module__.rpartition(".")[2] for n in timm.list_models()})
)
def test_every_model_gives_logits_or_one_sentence(models, family):
    """At native size with another head; encoders without one say so."""
    wrong = []
    for architecture in models.values():
        if architecture.family != family.rpartition(".")[2]:
            continue
        try:
            shape = tuple(logits_on_meta(architecture).shape)
        except UsageError as error:
            shape = (2, 7) if "is an encoder without a classification head" in str(error) else str(error)
        if shape != (2, 7):
            wrong.append((architecture.name, shape))
    assert not wrong


def test_weights_say_which_of_imagenets_classes_their_head_tells_apart(models):
    from zoo.class_list import imagenet_classes

    vit = models["vit_base_patch16_224"]
    assert vit.head({**vit.options, "weights": "augreg_in21k"}).classes == imagenet_classes("imagenet-21k-goog")
    found = models["resnet18"].head({**models["resnet18"].options, "weights": "a1_in1k"})
    assert found.classes == imagenet_classes()
    assert found.figures == ()  # timm publishes its tables elsewhere
    with pytest.raises(UsageError, match="have no head: they are for features only"):
        vit.head({**vit.options, "weights": "dino"})
    with pytest.raises(UnknownNameError, match="weights tag of timm/vit_base_patch16_224"):
        vit.head({**vit.options, "weights": "orig_in21k_ft_in1"})


@pytest.mark.parametrize(
    ("tag", "collections"),
    [
        ("a1_in1k", ("imagenet1k",)),
        ("augreg_in21k_ft_in1k", ("imagenet21k", "imagenet1k")),
        ("laion2b_ft_in12k_in1k", ("laion", "imagenet12k", "imagenet1k")),
        ("fb_swsl_ig1b_ft_in1k", ("instagram", "imagenet1k")),
        ("ns_jft_in1k", ("jft", "imagenet1k")),
        ("openai", ("openai_clip",)),
        ("dino", ("imagenet1k",)),
        ("fcmae", ("imagenet1k",)),
        ("lvd142m", ("lvd142m",)),
        ("metaclip_2pt5b", ("metaclip",)),
        ("untrained", ()),
    ],
)
def test_a_tag_says_what_the_weights_were_trained_on(tag, collections):
    assert timm_models.collections_of(tag) == collections


def test_published_weights_say_what_they_were_trained_on(models):
    resnet, vit = models["resnet18"], models["vit_base_patch16_224"]
    assert resnet.pretraining(resnet.options) == ("imagenet1k",)
    assert vit.pretraining({**vit.options, "weights": "augreg_in21k"}) == ("imagenet21k",)
    with pytest.raises(UnknownNameError, match="weights tag of timm/resnet18"):
        resnet.pretraining({**resnet.options, "weights": "a1_in1"})
