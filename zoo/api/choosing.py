"""Choosing: the settings of a bench, checked one by one and against the catalog, and the plan that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from harness.planning.classifiers import GivenClassifier
    from harness.planning.plan import Plan
    from harness.planning.request import BenchRequest
    from zoo.catalog import Catalog
    from zoo.errors import ZooError

LISTS = ("models", "data", "recipes")
"""Settings that select by name; without any, a bench runs its defaults."""

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What the settings of a bench select to be run."""

    request: BenchRequest
    catalog: Catalog
    plan: Plan
    is_default: bool
    """Whether no models, datasets or recipes were given."""
    notes: tuple[str, ...] = ()
    """A sentence for each metric and report format that lacks a library: a bench does without it."""


def choose(raw: dict[str, Any], catalog: Catalog, errors: list[ZooError], *, origin: str) -> Chosen | None:
    """Return what settings select; None if anything is wrong with them, which is added to *errors*.

    Args:
        raw: Fields of :class:`harness.planning.request.BenchRequest` as they were given.
        catalog: What can be selected.
        errors: Takes every mistake; one that is in it already does not count.
        origin: What the sentences call the place where the settings were given.
    """
    from harness.planning.classifiers import is_given
    from harness.planning.plan import make_plan
    from harness.planning.selection import select
    from harness.retesting.requested import requested_sets
    from zoo.errors import UsageError

    mistakes: list[ZooError] = []
    request = parse_settings(raw, mistakes, origin=origin)
    given = {}
    for name in filter(is_given, request.models):
        if found := attempt(lambda name=name: _read_given(name, catalog), mistakes):  # type: ignore[misc]
            given[name] = found
    hints = {name: hint for name in request.models if (hint := _hint(name, catalog))}
    for name, hint in hints.items():
        mistakes.append(UsageError(f"{name} is a path: write {hint}"))
    if hints:
        request = request.model_copy(update={"models": tuple(name for name in request.models if name not in hints)})
    selection = attempt(lambda: select(request, catalog, given), mistakes)
    attempt(lambda: requested_sets(request, catalog), mistakes)
    if request.then:
        attempt(lambda: select(request.second, catalog, given), mistakes)
    errors += mistakes
    if selection is None or mistakes:
        return None
    is_default = not any(raw.get(name) for name in LISTS)
    return Chosen(
        request=request,
        catalog=catalog,
        plan=make_plan(selection),
        is_default=is_default,
        notes=tuple(_without_libraries(catalog)),
    )


def _without_libraries(catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for each metric and report format that lacks a library."""
    from zoo.dependencies import missing_sentence

    for metric in catalog.metrics:
        if sentence := missing_sentence(metric.record.libraries, f"metric {metric.display_name!r}"):
            yield f"{sentence}; its values will be missing"
    for form in catalog.report_formats:
        if sentence := missing_sentence(form.record.libraries, f"report format {form.display_name!r}"):
            yield f"{sentence}; its files will not be written"


def _hint(name: str, catalog: Catalog) -> str:
    from harness.classifiers.given import suggest_prefix
    from harness.planning.classifiers import is_given

    return "" if is_given(name) or name in catalog.architectures else suggest_prefix(name)


def _read_given(name: str, catalog: Catalog) -> GivenClassifier:
    from harness.classifiers.given import read_given

    return read_given(name, catalog)


def parse_settings(raw: dict[str, Any], errors: list[ZooError], *, origin: str) -> BenchRequest:
    """Check the settings one by one, add each mistake to *errors*, and return a request with the valid ones."""
    from harness.planning.request import BenchRequest

    valid: dict[str, Any] = {}
    for key, value in raw.items():
        if attempt(lambda key=key, value=value: BenchRequest.parse({key: value}, origin=origin), errors):  # type: ignore[misc]
            valid[key] = value
    return BenchRequest.parse(valid, origin=origin)


def attempt(step: Callable[[], ResultT], errors: list[ZooError]) -> ResultT | None:
    """Return the result of *step*, or None with its error added to *errors*."""
    from zoo.errors import ZooError

    try:
        return step()
    except ZooError as error:
        errors.append(error)
        return None
