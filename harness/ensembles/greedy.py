"""Greedy selection: the members of an ensemble, chosen by their validation predictions.

Forward selection with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of
models", ICML 2004): from the best single network on, the one is added that lowers the negative log-likelihood of the
mean most, again and again; a network that is added twice weighs twice. The best ensemble on the way is the result, so
it is never worse on the validation images than the best single network.

Shape suffixes: M candidates, N validation images.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.ensembles.members import EnsembleMember
from harness.records.derived.mean_predictions import log_likelihoods
from zoo.errors import StoreError
from zoo.text import plural

ROUNDS = 50
"""Networks that are added; the gain of further ones is below 1/50 of a member's weight."""
_SHOWN = 3
_ROUNDING = 1e-12


def greedy_counts(candidates: Sequence[EnsembleMember], *, rounds: int = ROUNDS) -> list[int]:
    """Return how much each candidate weighs, as whole numbers without a common divisor; 0 if it was not chosen.

    Candidates are compared in their order, so that of equal ones the first is chosen.

    Raises:
        StoreError: If candidates have no validation predictions, or those of different images.
    """
    without = [each.title for each in candidates if each.val is None]
    if without:
        listed = "; ".join(without[:_SHOWN]) + (" …" if len(without) > _SHOWN else "")
        raise StoreError(
            f"{plural(len(without), 'network')} without validation predictions ({listed}), by which greedy selection "
            "chooses; train them again with this version into another folder, leave them out, or average all members"
        )
    vals = [each.val for each in candidates if each.val is not None]
    try:
        likelihoods_MN = np.exp(log_likelihoods(vals))
    except StoreError as error:
        raise StoreError(f"these networks cannot be chosen together: on the validation images, {error}") from error
    least = np.finfo(np.float64).tiny
    counts_M = np.zeros(len(candidates), dtype=np.int64)
    sum_N = np.zeros(likelihoods_MN.shape[1])
    best_loss, best_counts_M = np.inf, counts_M.copy()
    for number in range(1, rounds + 1):
        losses_M = -np.log(np.maximum((sum_N + likelihoods_MN) / number, least)).mean(axis=1)
        chosen = int(losses_M.argmin())
        counts_M[chosen] += 1
        sum_N = sum_N + likelihoods_MN[chosen]
        if losses_M[chosen] < best_loss - _ROUNDING:  # the same network again changes the last bits
            best_loss, best_counts_M = float(losses_M[chosen]), counts_M.copy()
    return [int(count) for count in best_counts_M // np.gcd.reduce(best_counts_M)]
