"""Learning rates: ``zoo.find_lr``, which runs a range test of every selected combination."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo.names import DEFAULT_RUNS

if TYPE_CHECKING:
    from typing import Unpack

    from harness.data.settings import DataSettings
    from harness.search.lr_range import LrRange
    from zoo.api.benching import BenchOptions
    from zoo.api.choosing import Chosen
    from zoo.events import Event
    from zoo.finding import Sources
    from zoo.options import Option


def find_lr(
    models: str | Sequence[str] | None = None,
    data: str | Sequence[str] | None = None,
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
        models: Names and patterns, as a list or separated by commas.
        data: Names of datasets.
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
    from zoo.api.benching import form_of
    from zoo.api.choosing import attempt
    from zoo.api.display.notebook import showing
    from zoo.api.plugin_choice import PluginChoice
    from zoo.api.running.flow import refuse_empty

    given: dict[str, Any] = dict(options)
    choice = PluginChoice(
        files=tuple(given.pop("plugins", ())),
        strict=given.pop("strict_plugins", False),
        installed=not given.pop("no_plugins", False),
    )
    show = given.pop("show", "auto")
    given |= {"models": models, "data": data, "recipes": recipes, "set": set}
    form, errors = form_of(given, out=DEFAULT_RUNS)
    order = form.read(attempt(choice.catalog, errors), choice.sources(), errors=errors)
    refuse_empty(order)
    with showing(show) as progress:
        return lr_ranges_of(order.chosen, order.sources, data=order.settings.data, emit=progress)


def lr_ranges_of(
    chosen: Chosen, sources: Sources, *, data: DataSettings, emit: Callable[[Event], None]
) -> list[LrRange]:
    """Return the range of each combination that was chosen; see :func:`find_lr` for errors."""
    from harness.search.lr_finding import find_lr_ranges

    return find_lr_ranges(chosen.plan, chosen.catalog, sources=sources, emit=emit, data=data, grid=chosen.request.grid)
