"""Global state: settings of a process that a plugin could change, and how they are restored."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zoo.testing.check_errors import CheckFailedError


@dataclass(frozen=True, kw_only=True, slots=True)
class GlobalState:
    """The settings and random generators of a process at one moment."""

    settings: dict[str, Any]
    """Settings that plugins must not change, by a name for sentences."""
    generators: dict[str, Any]
    """States of the global generators, which random draws change."""
    variables: dict[str, str]
    """Environment variables."""

    @classmethod
    def capture(cls) -> GlobalState:
        """Return the current state."""
        backends = torch.backends
        return cls(
            settings={
                "torch's default dtype": torch.get_default_dtype(),
                "torch's default device": torch.get_default_device(),
                "torch's number of threads": torch.get_num_threads(),
                "torch's seed": torch.initial_seed(),
                "torch's gradient mode": torch.is_grad_enabled(),
                "torch's deterministic mode": torch.are_deterministic_algorithms_enabled(),
                "torch's anomaly mode": torch.is_anomaly_enabled(),
                "torch's matrix-product precision": torch.get_float32_matmul_precision(),
                "cuDNN's settings": (backends.cudnn.enabled, backends.cudnn.benchmark, backends.cudnn.deterministic),
                "numpy's error settings": np.geterr(),
                "the warnings filters": list(warnings.filters),
                "the working folder": Path.cwd(),
            },
            generators={
                "torch's generator": torch.get_rng_state().numpy().tobytes(),
                "numpy's generator": _comparable(np.random.get_state(legacy=False)),
                "Python's generator": random.getstate(),
            },
            variables=dict(os.environ),
        )

    def differences(self, after: GlobalState, *, may_draw: bool = False) -> list[str]:
        """Return the differences, in words.

        Args:
            after: The state afterwards.
            may_draw: Whether draws from torch's generator are allowed. A new seed is a difference even then.
        """
        found = [
            f"{name} (from {_shown(value)} to {_shown(after.settings[name])})"
            for name, value in self.settings.items()
            if after.settings[name] != value
        ]
        for name, state in self.generators.items():
            if after.generators[name] != state and not (may_draw and name == "torch's generator"):
                found.append(name)
        changed = {
            name
            for name in self.variables.keys() | after.variables.keys()
            if self.variables.get(name) != after.variables.get(name)
        }
        if changed:
            found.append(f"the environment's {', '.join(sorted(changed))}")
        return found


_PUT_BACK: dict[str, Callable[[Any], object]] = {
    "torch's default dtype": torch.set_default_dtype,
    "torch's default device": torch.set_default_device,
    "torch's number of threads": torch.set_num_threads,
    "torch's seed": torch.manual_seed,
    "torch's gradient mode": torch.set_grad_enabled,
    "torch's deterministic mode": torch.use_deterministic_algorithms,
    "torch's anomaly mode": torch.autograd.set_detect_anomaly,
    "torch's matrix-product precision": torch.set_float32_matmul_precision,
}


@contextmanager
def restored() -> Iterator[None]:
    """Restore the state on exit, so that side effects do not reach the next check."""
    settings = GlobalState.capture().settings
    cudnn = torch.backends.cudnn
    before_cudnn = cudnn.enabled, cudnn.benchmark, cudnn.deterministic
    torch_state, numpy_state, python_state = torch.get_rng_state(), np.random.get_state(), random.getstate()
    variables = dict(os.environ)
    with warnings.catch_warnings(), np.errstate():
        try:
            yield
        finally:
            os.chdir(settings["the working folder"])
            after = GlobalState.capture().settings
            for name, put_back in _PUT_BACK.items():
                if after[name] != settings[name]:
                    put_back(settings[name])
            cudnn.enabled, cudnn.benchmark, cudnn.deterministic = before_cudnn
            torch.set_rng_state(torch_state)
            np.random.set_state(numpy_state)
            random.setstate(python_state)
            for name in os.environ.keys() - variables.keys():
                del os.environ[name]
            os.environ.update(variables)


def require_no_side_effects(call: Callable[[], object], what: str, *, may_draw: bool = False) -> None:
    """Call a function twice, and raise if the second call changes the state.

    The first call may import libraries, which change filters and variables on import. Its changes are undone, so that a
    setting that is made only once is found as well.

    Args:
        call: The function.
        what: What it does, for the error message.
        may_draw: Whether it may draw from torch's generator.

    Raises:
        CheckFailedError: Naming what changed.
    """
    with restored():
        call()
    before = GlobalState.capture()
    call()
    changed = before.differences(GlobalState.capture(), may_draw=may_draw)
    if changed:
        raise CheckFailedError(f"{what} changes {' and '.join(changed)}")


def _comparable(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _comparable(value) for key, value in state.items()}
    return state.tobytes() if isinstance(state, np.ndarray) else state


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"
