"""Checks of how networks are built; the table in :mod:`zoo.testing.checks` gives their rationales.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from harness.networks.building import build_model
from harness.randomness import seed_global
from zoo.architecture import Architecture
from zoo.errors import UsageError, ZooError
from zoo.options import Option
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.network_access import without_network
from zoo.testing.networks import build, logits_of, loss_of, ready, request_for, tensors_of
from zoo.testing.samples import noise
from zoo.testing.subjects import Subject

_TRIED = 3
"""Number of other values of an option that give the same network before it is said to do nothing."""
_PASSES = 3
"""Number of training passes that are compared: a small rate of dropout may leave one of them as it is."""


def builds_share_nothing(subject: Subject[Architecture]) -> None:
    first, images_BCHW = ready(subject)
    before = {name: value.clone() for name, value in tensors_of(first).items()}
    output_BK = _training_logits(first, images_BCHW, before)
    if not torch.equal(output_BK, _training_logits(first, images_BCHW, before)):
        raise NotApplicableError("its training passes are not reproducible, so that two of them cannot be compared")
    second, _ = ready(subject, seed=1, classes=3)
    theirs = {each.data_ptr() for each in second.parameters()}
    _require_none_shared(name for name, each in first.named_parameters() if each.data_ptr() in theirs)
    second.eval()
    try:
        again_BK = _training_logits(first, images_BCHW, before)
    except Exception as error:  # what another build did to it may break it in any way
        raise CheckFailedError(
            f"after another build, the first network fails: {type(error).__name__}: {error}"
        ) from error
    if output_BK.shape != again_BK.shape or not torch.allclose(output_BK, again_BK, rtol=1e-4, atol=1e-5):
        raise CheckFailedError("building another network and putting it into eval mode changes what the first returns")
    own = {name: value.clone() for name, value in tensors_of(first).items()}
    second.train()
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.add_(1.0)
        logits_of(second, images_BCHW)  # changes running statistics
    _require_none_shared(name for name, value in tensors_of(first).items() if not torch.equal(value, own[name]))


def options_take_effect(subject: Subject[Architecture]) -> None:
    architecture = subject.record
    if not architecture.options:
        raise NotApplicableError("it has no options")
    size = ready(subject)[1].shape[2]
    usual = _Outcome.of(architecture, size, {})
    problems = [_problem(architecture, size, usual, name) for name in architecture.options]
    if any(problems):
        raise CheckFailedError("; ".join(filter(None, problems)))


def _problem(architecture: Architecture, size: int, usual: _Outcome, name: str) -> str:
    """Return what is wrong with an option; empty if it takes effect, or its author refuses what is tried."""
    default = architecture.options[name]
    tried: list[Option] = []
    errors, refused = [], False
    for value in _other_values(default):
        try:
            outcome = _Outcome.of(architecture, size, {name: value})
        except UsageError:  # a stated refusal of this value
            refused = True
        except ZooError as error:
            errors.append(f"{value!r}: {error}")
        else:
            if outcome.differs(usual):
                return ""
            tried.append(value)
            if len(tried) == _TRIED:
                break
    if errors and not tried and not refused:
        return f"option {name!r} (default {default!r}) takes no other value; {errors[0]}"
    if tried and not _acts_with_others(architecture, size, name, tried):
        *most, last = map(repr, tried)
        values = f"{', '.join(most)} and {last} give" if most else f"{last} gives"
        return f"option {name!r} does nothing: {values} the same network as {default!r}"
    if not (tried or errors or refused or _is_read(architecture, size, name)):
        return f"option {name!r} does nothing: build does not read it"
    return ""


def pretrained_is_honoured(subject: Subject[Architecture]) -> None:
    architecture = subject.record
    if not architecture.has_pretrained:
        raise NotApplicableError("it is not declared to have published weights")
    size = architecture.native_size
    loaded = [_pretrained(architecture, size, seed=seed) for seed in (0, 1)]
    random = [tensors_of(build(architecture, size=size, seed=seed)) for seed in (0, 1)]
    drawn = [name for name, value in random[0].items() if not torch.equal(value, random[1][name])]
    if not any(name in loaded[0] and torch.equal(loaded[0][name], loaded[1][name]) for name in drawn):
        raise CheckFailedError(
            "has_pretrained=True, but with pretrained=True all weights still depend on the seed: no published ones are "
            "loaded"
        )


def _require_none_shared(names: Iterable[str]) -> None:
    shared = list(names)
    if shared:
        listed = f"{', '.join(shared[:5])}{' …' if len(shared) > 5 else ''}"
        raise CheckFailedError(f"two builds share {listed}: training one changes the other")


class _Outcome:
    """What can be seen of a network from outside: its tensors, logits and gradients, computed on demand."""

    def __init__(self, model: nn.Module, images_BCHW: Tensor) -> None:
        self._model, self._images_BCHW = model, images_BCHW
        self._known: list[tuple[str, Tensor]] = []
        self._rest = self._observations()

    @classmethod
    def of(cls, architecture: Architecture, size: int, options: Mapping[str, Option]) -> _Outcome:
        """Build a network with these options."""
        return cls(build(architecture, size=size, options=options), noise(4, 3, size))

    def differs(self, usual: _Outcome) -> bool:
        """Return whether anything is not as *usual*, or a setting of it is that a pass reads.

        The latter is for options that change the memory or time of a pass only, such as checkpointing.
        """
        for number in itertools.count():
            own, other = self._observation(number), usual._observation(number)
            if own is None or other is None:
                break
            if own[0] != other[0] or not torch.equal(own[1], other[1]):
                return True
        return own is not other or self._reads_other_setting(usual)

    def _observation(self, number: int) -> tuple[str, Tensor] | None:
        self._known += itertools.islice(self._rest, max(0, number + 1 - len(self._known)))
        return self._known[number] if number < len(self._known) else None

    def _observations(self) -> Iterator[tuple[str, Tensor]]:
        model = self._model
        yield from [(name, value.clone()) for name, value in tensors_of(model).items()]
        with torch.no_grad():
            logits_BK = logits_of(model.eval(), self._images_BCHW)
        yield "logits", logits_BK
        model.train()
        for seed in range(_PASSES):
            seed_global(seed, "options")
            model.zero_grad()
            logits_BK = logits_of(model, self._images_BCHW)
            loss_of(logits_BK).backward()
            yield "training logits", logits_BK.detach()
            gradients = ((name, each.grad) for name, each in model.named_parameters())
            yield from [(name, gradient.clone()) for name, gradient in gradients if gradient is not None]

    def _reads_other_setting(self, usual: _Outcome) -> bool:
        modules = dict(self._model.named_modules())
        found = [
            (module, name)
            for path, other in usual._model.named_modules()
            if path in modules and (module := modules[path])
            for name, value in _settings(module).items()
            if name in _settings(other) and _settings(other)[name] != value
        ]
        return any(self._reads(module, name) for module, name in found)

    def _reads(self, module: nn.Module, name: str) -> bool:
        kept = module.__dict__.pop(name)
        try:
            logits_of(self._model.train(), self._images_BCHW)
            logits_of(self._model.eval(), self._images_BCHW)
        except Exception:  # it misses its setting
            return True
        finally:
            module.__dict__[name] = kept
        return False


def _settings(module: nn.Module) -> dict[str, Any]:
    """Return the plain values among the attributes of a module."""
    return {name: value for name, value in vars(module).items() if isinstance(value, (bool, int, float, str))}


def _other_values(default: Option) -> Iterator[Option]:
    """Yield values that an option with this default may well take; none for text, whose choices are not known."""
    if isinstance(default, bool):
        yield not default
    elif isinstance(default, int):
        # Many, since a depth or a number of groups may take few of them.
        near = (default + sign * step for step in range(2, 13) for sign in (1, -1))
        values = dict.fromkeys((default // 2, 2 * default, default + 1, default - 1, *near, 4 * default))
        yield from (value for value in values if value > 0 and value != default)
    elif isinstance(default, float):
        likely = (0.5, 0.25, 0.1) if 0 <= default <= 1 else ()
        yield from (value for value in (*likely, 2 * default, default / 2) if value != default)


def _acts_with_others(architecture: Architecture, size: int, name: str, values: list[Option]) -> bool:
    """Return whether an option does something once another one has been changed, as the heads of an attention may."""
    for other, default in architecture.options.items():
        for setting in _other_values(default) if other != name else ():
            try:
                usual = _Outcome.of(architecture, size, {other: setting})
                if any(_Outcome.of(architecture, size, {other: setting, name: each}).differs(usual) for each in values):
                    return True
            except ZooError:
                continue
            break
    return False


class _Reads(dict[str, Option]):
    """Options that note which of them are read."""

    def __init__(self, options: Mapping[str, Option]) -> None:
        super().__init__(options)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> Option:
        self.names.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)

    def _all(self) -> None:
        self.names |= set(self)

    def __iter__(self) -> Iterator[str]:
        self._all()
        return super().__iter__()

    def keys(self) -> Any:
        self._all()
        return super().keys()

    def values(self) -> Any:
        self._all()
        return super().values()

    def items(self) -> Any:
        self._all()
        return super().items()


def _is_read(architecture: Architecture, size: int, name: str) -> bool:
    """Return whether building may read an option: one of published weights need not be read without them."""
    if architecture.has_pretrained or architecture.preparation is not None:
        return True
    options = _Reads(architecture.options)
    build_model(architecture, replace(request_for(architecture, size=size), options=options), seed=0, adapt=False)
    return name in options.names


def _pretrained(architecture: Architecture, size: int, *, seed: int) -> dict[str, Tensor]:
    request = replace(request_for(architecture, size=size), pretrained=True)
    try:
        with without_network():
            return tensors_of(build_model(architecture, request, seed=seed, adapt=False)[0])
    except Exception as error:
        chain = itertools.takewhile(bool, _causes(error))
        if isinstance(error, UsageError) or any(isinstance(each, (OSError, ImportError)) for each in chain):
            raise NotApplicableError(f"its published weights are not available here: {error}") from error
        raise


def _causes(error: BaseException | None) -> Iterator[BaseException | None]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
    yield None


def _training_logits(model: nn.Module, images_BCHW: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    """Return the logits of a training pass from these tensors, in the modes that the modules are in."""
    with torch.no_grad():
        for name, value in tensors_of(model).items():
            if value.shape == state[name].shape:
                value.copy_(state[name])
        seed_global(0, "builds")
        return logits_of(model, images_BCHW).clone()
