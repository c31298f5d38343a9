"""Checks of runtimes, each held to one that was made to break it."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zoo import Runtime, RuntimeRequest
from zoo.errors import UsageError
from zoo.testing import State, Subject, judge
from zoo.testing.checks import checks_of
from zoo.testing.samples import sample_net

_calls = itertools.count()


def of(run: Any) -> Runtime:
    """Return a runtime whose function is ``(network, images)``."""
    return Runtime(name="own", load=lambda path, request: lambda images: run(request.network, images))


def shift(net: Any, images: torch.Tensor) -> torch.Tensor:
    logits = net(images)
    images.add_(1)
    return logits


def seeding(net: Any, images: torch.Tensor) -> torch.Tensor:
    np.random.seed(0)
    return net(images)


def padding_as_a_constant(net: Any, images: torch.Tensor) -> torch.Tensor:
    """Run a network as a converter does that takes the padding of one image for that of all."""
    original = torch.nn.functional.pad

    def pad(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        padded = original(tensor, *args, **kwargs)
        return torch.cat([padded[:1], torch.zeros_like(padded[1:])])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "pad", pad)
        return net(images)


def one_image_is_wrong(net: Any, images: torch.Tensor) -> torch.Tensor:
    """Return the logits of the network, but for one image those that are farthest from its own."""
    logits = net(images)
    farthest = torch.cdist(logits, logits).argmax()
    logits[farthest // len(logits)] = logits[farthest % len(logits)]
    return logits


def bounded(net: Any, images: torch.Tensor) -> torch.Tensor:
    """Run a network as a program does that was exported for a batch of at most 16."""
    if len(images) > 16:
        raise ValueError(f"the program takes 16 images, got {len(images)}")
    return net(images)


def write_here(request: RuntimeRequest) -> Path:
    path = Path.cwd() / f"network-{next(_calls)}.txt"
    path.write_text("x")
    return path


def needs_more(request: RuntimeRequest) -> Path:
    raise UsageError("pip install more")


BROKEN = (
    ("gives_the_logits", "of their spread over 64 images, and by", of(lambda net, images: net(images).flip(1))),
    ("gives_the_logits", "of their spread over 64 images, and by", of(padding_as_a_constant)),
    ("gives_the_logits", "for one of them", of(one_image_is_wrong)),
    ("gives_the_logits", "by nan of their spread", of(lambda net, images: net(images) * torch.nan)),
    ("gives_the_logits", "the program takes 16 images, got 64", of(bounded)),
    ("gives_the_logits", "returned torch.float64", of(lambda net, images: net(images).double())),
    ("takes_any_batch", "the program takes 16 images, got 64", of(bounded)),
    (
        "takes_any_batch",
        "a batch of 1 gets other logits than the same images among 64",
        of(lambda net, images: net(images) + images.mean()),
    ),
    ("answers_repeatedly", "the second time", of(lambda net, images: net(images) + 1e-3 * next(_calls))),
    ("answers_repeatedly", "it changes the images", of(shift)),
    ("converts_again", "into the working folder", Runtime(name="own", convert=write_here, load=lambda p, r: r.network)),
    ("converts_again", "different logits", of(lambda net, images: net(images) + 1e-3 * next(_calls))),
    ("runtime_has_no_side_effects", "converting and running", of(seeding)),
)


@pytest.mark.parametrize(
    ("check", "sentence", "runtime"), BROKEN, ids=[f"{each[0]}-{n}" for n, each in enumerate(BROKEN)]
)
def test_a_check_catches_what_was_made_to_break_it(
    check: str, sentence: str, runtime: Runtime, caught: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    caught(check, re.escape(sentence), runtime)


def test_faults_of_padding_are_not_seen_on_a_network_without_any() -> None:
    """The network of other checks passed runtimes that got one image of a batch right."""
    net = sample_net(0).eval()
    images = torch.randn(8, 3, 16, 16)
    assert torch.equal(padding_as_a_constant(net, images), net(images))


def test_a_runtime_that_is_not_installed_is_not_judged() -> None:
    runtime = Runtime(name="own", convert=needs_more, load=lambda path, request: request.network)
    for check in checks_of("runtimes"):
        verdict = judge(check, Subject(record=runtime))
        assert (verdict.state.is_good, verdict.state) == (True, verdict.state)
        assert verdict.state is not State.PASSED
        assert "pip install more" in verdict.reason
