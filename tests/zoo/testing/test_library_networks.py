"""The networks of libraries are held to the kit: the smallest of each of timm's families, and all of torchvision's.

What they are checked with here is quick; learning 64 images is left to a sample. All of it takes an hour on one core.
"""

from __future__ import annotations

import pytest

from zoo.loading import Sources, build_catalog
from zoo.testing import State, Subject, judge
from zoo.testing.checks import checks_of

pytestmark = pytest.mark.slow
CATALOG = build_catalog(Sources(entry_points=False))
SMALLEST = """
    beit_base_patch16_224 cait_xxs24_224 coat_tiny convit_tiny convmixer_768_32 cpubone_nano crossvit_tiny_240
    cs3darknet_focus_s csatv2 cspnext_tiny davit_tiny deepseek_vit_412m deit_tiny_patch16_224 densenet121 dla46x_c
    dpn48b edgenext_xx_small efficientformer_l1 efficientformerv2_s0 efficientvim_m1 efficientvit_b0
    efficientvit_m0 ese_vovnet19b_slim_dw fasternet_t0 fastvit_t8 focalnet_tiny_srf gcvit_xxtiny gemma4_vit_167m
    ghostnet_050 gmlp_ti16_224 halonet_h1 hardcorenas_b hgnetv2_b0 hiera_tiny_224 hrnet_w18_small iformer_t
    inception_next_atto inception_resnet_v2 inception_v3 inception_v4 lcnetv2_small legacy_seresnet18
    legacy_xception levit_128s lowformer_b0 mobilenetv3_small_050 mobilenetv5_base mobilevit_xxs mvitv2_tiny
    naflexvit_base_patch16_parfac_gap nasnetalarge nest_tiny nextvit_small pit_ti_224 pnasnet5large
    poolformerv2_s12 pvt_v2_b0 qwen3_vit_88m rdnet_tiny regnetx_002 repghostnet_050 repvit_m1 res2next50
    resnest14d resnetv2_18 rexnet_100 sam2_hiera_tiny samvit_base_patch16_224 selecsls42 sequencer2d_s shvit_s1
    skresnet18 starnet_s050 swiftformer_xs swin_tiny_patch4_window7_224 swinv2_cr_tiny_224 swinv2_tiny_window8_256
    test_byobnet test_coatnet test_convnext test_efficientnet test_mambaout test_nfnet test_resnet test_vit
    test_vit_relpos tiny_vit_5m_224 tnt_s_legacy_patch16_224 tresnet_m twins_svt_small vgg11 visformer_tiny
    vit_tiny_patch16_dinov3_qkvb vit_tiny_r_s16_p8_224 vitamin_small_224 volo_d1_224 xception41p
    xcit_nano_12_p8_224
""".split()  # noqa: SIM905 - a list would be laid out a name a line
"""Of each family of timm 1.0.28, by number of parameters."""
HUGE = {"torchvision/regnet_y_128gf", "torchvision/vit_h_14"}
"""More than 600 million parameters, minutes a check; of the same code as their smaller kin, which are checked."""
EVEN = "its maps must be even where they are halved, and of 1 pixel more than its own size they are not"
LIMITS = {
    "timm/dla46x_c:output_shape": EVEN,
    "timm/hrnet_w18_small:output_shape": EVEN,
    "timm/sam2_hiera_tiny:output_shape": EVEN,
    "timm/tresnet_m:output_shape": EVEN,
    "timm/halonet_h1:output_shape": "its attention is in blocks of 8 pixels of the last map, which takes sides of 256",
    **dict.fromkeys(
        ("torchvision/squeezenet1_0:overfits_64_images", "torchvision/squeezenet1_1:overfits_64_images"),
        "its logits pass a ReLU, as in the paper: a class that is below zero for all images learns no more",
    ),
}
"""What is a limit of the networks themselves, and why."""
OPTIONAL = {"pretrained_is_honoured"}
"""Checks that do not apply where published weights are not at hand."""


def representatives() -> list[str]:
    """Return a model of each family that timm has, and all of torchvision's but the huge ones."""
    families: dict[str, str] = {}
    for entry in CATALOG.architectures:
        namespace, _, name = entry.full_name.partition("/")
        if namespace == "timm" and (name in SMALLEST or entry.record.family not in families):
            families[entry.record.family] = entry.full_name
    torchvision = (each.full_name for each in CATALOG.architectures.match("torchvision/*"))
    return [*families.values(), *(name for name in torchvision if name not in HUGE)]


@pytest.mark.timeout(900)
# Of torch's RMS norm under autocast, which then computes in another way.
@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")
@pytest.mark.parametrize("name", representatives())
def test_a_network_keeps_what_can_be_checked_quickly(name):
    hold(name, [check.id for check in checks_of("architectures") if check.id != "overfits_64_images"])


@pytest.mark.parametrize("name", ["torchvision/squeezenet1_1", "torchvision/mnasnet0_5", "timm/test_vit"])
def test_a_network_learns_64_images_by_heart_or_it_is_said_why_not(name):
    hold(name, ["overfits_64_images"])


def hold(name: str, ids: list[str]) -> None:
    """Assert that a network passes these checks, and fails where it is known to, and only there."""
    record = CATALOG.architectures.get(name).record
    subject = Subject(record=record)
    verdicts = [
        judge(check, subject, expected=LIMITS.get(f"{name}:{check.id}", ""))
        for check in checks_of("architectures", only=ids)
    ]
    bad = [
        f"{each.check}: {each.reason}"
        for each in verdicts
        if not each.state.is_good or (each.state is State.SKIPPED and each.check not in OPTIONAL)
    ]
    assert not bad, "\n".join(bad)
