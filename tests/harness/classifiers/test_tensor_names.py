"""Tensor names: wrappers are recognised, other names are translated, and what is ambiguous is asked for."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from harness.classifiers.tensor_names import Rename, propose_renames, translate_names
from zoo.errors import UsageError


def block() -> nn.Sequential:
    return nn.Sequential(OrderedDict(conv1=nn.Conv2d(3, 3, 1), bn1=nn.BatchNorm2d(3)))


@pytest.fixture
def model() -> nn.Module:
    return nn.Sequential(OrderedDict(stages=nn.Sequential(block(), block()), fc=nn.Linear(3, 2)))


@pytest.fixture
def own(model: nn.Module) -> dict[str, Tensor]:
    return dict(model.state_dict())


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in tensors.items()}


@pytest.mark.parametrize(
    "prefix",
    ["", "module.", "backbone.", "network.", "timm_model.", "module.model.", "_orig_mod.module.", "my.own.wrapper."],
)
def test_a_prefix_of_every_name_is_removed(prefix: str, model: nn.Module, own: dict[str, Tensor]) -> None:
    named = translate_names(prefixed(prefix, own), model)
    assert set(named.tensors) == set(own)
    assert bool(named.notes) == bool(prefix)


def test_wrappers_of_inner_modules_are_removed(model: nn.Module, own: dict[str, Tensor]) -> None:
    """FSDP and ``torch.compile`` wrap blocks as well as the network."""
    theirs = {
        f"_fsdp_wrapped_module.{name.replace('stages.0.', 'stages.0._fsdp_wrapped_module._orig_mod.')}": value
        for name, value in own.items()
    }
    assert set(translate_names(theirs, model).tensors) == set(own)


def test_the_counter_of_an_averaged_model_is_left_out(model: nn.Module, own: dict[str, Tensor]) -> None:
    averaged = torch.optim.swa_utils.AveragedModel(model).state_dict()
    assert "n_averaged" in averaged
    named = translate_names(averaged, model)
    assert set(named.tensors) == set(own)
    assert "'n_averaged'" in named.notes[0]


def test_the_weights_of_a_loss_do_not_hide_the_prefix_of_a_lightning_module(
    model: nn.Module, own: dict[str, Tensor]
) -> None:
    """A LightningModule stores ``criterion.weight`` beside the network under ``model.``."""
    theirs = {**prefixed("model.", own), "criterion.weight": torch.ones(2)}
    assert set(translate_names(theirs, model).tensors) == {*own, "criterion.weight"}
    assert set(translate_names(theirs, model, ignore=["criterion.*"]).tensors) == set(own)


def test_two_networks_in_one_file_need_a_prefix(model: nn.Module, own: dict[str, Tensor]) -> None:
    theirs = {**prefixed("student.", own), **prefixed("teacher.", {name: value + 1 for name, value in own.items()})}
    with pytest.raises(UsageError, match=r"2 times, under 'student\.', 'teacher\.'; choose one with --prefix"):
        translate_names(theirs, model)
    named = translate_names(theirs, model, prefix="teacher")
    assert torch.equal(named.tensors["fc.bias"], own["fc.bias"] + 1)
    assert f"{len(own)} without it were left out" in named.notes[0]
    with pytest.raises(UsageError, match=r"begins with --prefix x\.; names begin with student\., teacher\."):
        translate_names(theirs, model, prefix="x.")


def test_ignored_tensors_that_the_network_has_are_kept(model: nn.Module, own: dict[str, Tensor]) -> None:
    assert set(translate_names({**own, "aux.weight": torch.ones(1)}, model, ignore=["*"]).tensors) == set(own)


def test_a_pattern_that_leaves_out_nothing_is_named(model: nn.Module, own: dict[str, Tensor]) -> None:
    """As users of Lightning ask why ``strict=False`` said nothing of a misspelt name."""
    tensors = {"n_averaged": torch.tensor(3), **own, "aux.weight": torch.ones(1)}
    with pytest.raises(UsageError, match=r"--ignore auxx\.\* matches no tensor name; the first is 'n_averaged'"):
        translate_names(tensors, model, ignore=["aux.*", "auxx.*"])
    named = translate_names(tensors, model, ignore=["aux.*", "fc.*", "n_averaged"])
    assert set(named.tensors) == set(own)
    assert [note for note in named.notes if "--ignore" in note] == [
        "--ignore fc.* leaves out nothing, as the network needs 'fc.weight'"
    ]


def renamed(own: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.replace("stages.0.", "layer1.").replace("stages.1.", "layer2.").replace("fc", "linear"): value
        for name, value in own.items()
    }


def test_other_names_of_the_same_tensors_are_proposed_and_taken(model: nn.Module, own: dict[str, Tensor]) -> None:
    theirs = renamed(own)
    proposal = propose_renames(theirs, model)
    assert [str(each) for each in proposal] == [
        r"\blayer1\b=stages.0", r"\blayer2\b=stages.1", r"\blinear\b=fc"
    ]  # fmt: skip
    named = translate_names(prefixed("module.", theirs), model, renames=proposal)
    assert set(named.tensors) == set(own)


def test_a_proposal_reuses_numbers(model: nn.Module, own: dict[str, Tensor]) -> None:
    theirs = {name.replace("bn1", "norm1").replace("conv1", "convolution1"): value for name, value in own.items()}
    assert [str(each) for each in propose_renames(theirs, model)] == [
        r"\bconvolution(\d+)\b=conv\1", r"\bnorm(\d+)\b=bn\1"
    ]  # fmt: skip


def test_nothing_is_proposed_where_order_or_shapes_differ(model: nn.Module, own: dict[str, Tensor]) -> None:
    theirs = renamed(own)
    assert propose_renames(dict(reversed(theirs.items())), model) == ()
    assert propose_renames({**theirs, "more": torch.ones(1)}, model) == ()


def test_a_rename_that_cannot_be_meant_is_one_sentence(model: nn.Module, own: dict[str, Tensor]) -> None:
    for text, words in (
        ("layer1", "expected REGEX=REPLACEMENT"),
        ("(=x", "not a regular expression"),
        ("a{9999999999}=x", "not a regular expression"),
    ):
        with pytest.raises(UsageError, match=words):
            Rename.parse(text)
    for text, words in (
        ("layer=stages", "matches no tensor name"),
        (r"fc=\9", "not a valid replacement"),
        ("weight|bias=x", "would both be called"),
    ):
        with pytest.raises(UsageError, match=words):
            translate_names(own, model, renames=[Rename.parse(text)])


def test_an_expression_may_contain_equals_signs() -> None:
    assert Rename.parse("(?=a)b=c") == Rename(pattern="(?=a)b", replacement="c")
