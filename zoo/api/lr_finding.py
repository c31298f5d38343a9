"""Learning rates: ``zoo.find_lr``, which runs a range test of every selected combination."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo.names import DEFAULT_RUNS

if TYPE_CHECKING:
    from typing import Unpack

    from harness.data.settings import DataSettings
    from harness.search.lr_range import LrRange
    from zoo.api.benching import BenchOptions, Models
    from zoo.api.choosing import Chosen
    from zoo.events import Event
    from zoo.finding import Sources
    from zoo.options import Option


def find_lr(
    models: Models | None = None,
    data: Any = None,
    recipes: str | Sequence[str] | None = None,
    *,
    set: Mapping[str, Option | Sequence[Option]] | None = None,
    **options: Unpack[BenchOptions],
) -> list[LrRange]:
    """Find a learning rate for every selected combination, as ``zoo plan --lr-find`` does.

    Each network is trained for up to 200 steps while the rate rises from 1e-6 to 10, on training images only, prepared
    and augmented as for a trial, on the same device (Smith 2017, arXiv:1506.01186). The same settings give the same
    numbers on a CPU, whatever the seeds, and they are those of ``zoo.bench(…, space={"recipe.lr": "lr-find"})``.

    Args:
        models: As for :func:`zoo.bench`.
        data: As for :func:`zoo.bench`.
        recipes: Names and patterns.
        set: Overrides by dotted key: ``{"recipe.batch_size": 256}``.
        options: See :class:`zoo.api.benching.BenchOptions`.

    Returns:
        One range for each combination. Its ``suggestion`` is a tenth of the rate at which the smoothed loss is lowest,
        and its ``space`` can be given to ``zoo.bench(…, tune=16, space=…)``. Where there is none, ``problem`` says why.

    Raises:
        ZooError: With every mistake in the settings, or if a dataset or the device is not available.
        KeyboardInterrupt: If the user stopped it.

    Example:
        >>> import zoo
        >>> (found,) = zoo.find_lr("linear", "digits", "sgd_quick", show="nothing")
        >>> 0.001 < found.suggestion < 1
        True
    """
    from zoo.api.benching import read_call
    from zoo.api.display.notebook import showing
    from zoo.api.running.flow import refuse_empty

    given = dict(options, models=models, data=data, recipes=recipes, set=set)
    call = read_call(given, out=DEFAULT_RUNS, caller="zoo.find_lr")
    order = call.order
    refuse_empty(order)
    with showing(call.show) as progress:
        return lr_ranges_of(order.chosen, order.sources, data=order.settings.data, emit=progress)


def lr_ranges_of(
    chosen: Chosen, sources: Sources, *, data: DataSettings, emit: Callable[[Event], None]
) -> list[LrRange]:
    """Return the range of each combination that was chosen; see :func:`find_lr` for errors."""
    from harness.search.lr_finding import find_lr_ranges

    return find_lr_ranges(chosen.plan, chosen.catalog, sources=sources, emit=emit, data=data, grid=chosen.request.grid)
