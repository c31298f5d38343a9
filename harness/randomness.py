"""Randomness: every draw derives from (seed, purpose), so that resuming needs no stored generator state."""

from __future__ import annotations

import hashlib
import json
import random

import numpy as np
import torch


def derive_seed(seed: int, *purpose: str | int) -> int:
    """Return a seed in ``[0, 2**63)`` for a *purpose*, such as ``("order", epoch)``.

    Different purposes get unrelated seeds, however many parts they have.
    """
    digest = hashlib.sha256(json.dumps([seed, *purpose]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def make_generator(device: torch.device, seed: int, *purpose: str | int) -> torch.Generator:
    """Return a generator on *device*, seeded for a *purpose*."""
    return torch.Generator(device=device).manual_seed(derive_seed(seed, *purpose))


def seed_global(seed: int, *purpose: str | int) -> None:
    """Seed the global generators of torch (on all devices), NumPy and Python, which networks may draw from."""
    derived = derive_seed(seed, *purpose)
    torch.manual_seed(derived)
    np.random.seed(derived % 2**32)  # the legacy generator, which a network may use
    random.seed(derived)
