"""Adding: ``zoo.add``, which ranks predictions made elsewhere beside trained rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from zoo.api.ranking import Ranking
from zoo.names import DEFAULT_RUNS

if TYPE_CHECKING:
    from typing import Unpack

    from harness.given.adding import AddedRow
    from harness.given.test_images import TestImages
    from harness.planning.request import BenchRequest
    from zoo.catalog import Catalog
    from zoo.options import Option

AnyPath = str | PathLike[str]
Report = Callable[[str, float | None], None]


class AddOptions(TypedDict, total=False):
    """The other settings of ``zoo.add``: the options of ``zoo add`` with underscores, and their meanings."""

    scores: Literal["probabilities", "logits"]
    limit_train: int
    limit_test: int
    val_fraction: float
    data_root: AnyPath
    offline: bool
    plugins: Sequence[AnyPath]
    strict_plugins: bool
    no_plugins: bool
    report: Report


@dataclass(frozen=True, slots=True)
class AddResult(Ranking):
    """The rows of a store after predictions were added, ranked."""

    store: Path = Path(DEFAULT_RUNS)
    """Folder of the records."""
    added: tuple[AddedRow, ...] = ()
    """The row of each file, in the order in which they were given."""

    def __repr__(self) -> str:
        return f"<{len(self.added)} files of predictions in {self.store}>"


def add(
    files: AnyPath | Sequence[AnyPath],
    *,
    data: Any = None,
    labels: AnyPath | None = None,
    classes: Sequence[str] | None = None,
    name: str | None = None,
    set: Mapping[str, Option] | None = None,
    out: AnyPath = DEFAULT_RUNS,
    **options: Unpack[AddOptions],
) -> AddResult:
    """Score predictions made elsewhere, and rank them beside the other rows of a folder, as ``zoo add`` does.

    Args:
        files: Files of predictions for the same test images: CSV, Parquet, NPZ or JSON with an id for each image, and
            its class, or a probability or logit for each class. Each file becomes a row.
        data: The dataset: a name, or images with labels as for ``zoo.bench``. With *labels*, only its name.
        labels: File with the id and label of each test image, where the dataset itself is not at hand.
        classes: Names of the classes, for *labels* that are numbers.
        name: Name of the row of a single file; by default the name of the file without its ending.
        set: Overrides by dotted key: ``{"data.val_split": "none"}``.
        out: Folder of the records.
        options: See :class:`AddOptions`.

    Raises:
        ZooError: With every mistake; no row is then added.

    Example:
        >>> import zoo, json, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "labels.json").write_text(json.dumps({"a": "cat", "b": "dog", "c": "dog"}))
        >>> _ = (folder / "net.json").write_text(json.dumps({"b": "dog", "c": "cat", "a": "cat"}))
        >>> result = zoo.add(folder / "net.json", labels=folder / "labels.json", out=folder / "runs")
        >>> round(result.added[0].record.metrics["accuracy"].value, 3)
        0.667
    """
    from harness.given.adding import add_predictions
    from harness.given.scores import ScoreKind
    from harness.records.store import Store
    from zoo.api.plugin_choice import PluginChoice

    paths = [Path(files)] if isinstance(files, str | PathLike) else [Path(each) for each in files]
    catalog = PluginChoice(
        files=tuple(options.get("plugins", ())),
        strict=options.get("strict_plugins", False),
        installed=not options.get("no_plugins", False),
    ).catalog()
    order = AddOrder(
        data=data if data is None or isinstance(data, str) else _kept(data),
        labels=None if labels is None else Path(labels),
        classes=tuple(classes or ()),
        settings={
            key: value
            for key, value in {**options, "set": dict(set or {})}.items()
            if key in ("limit_train", "limit_test", "val_fraction", "set")
        },
        data_root=options.get("data_root"),
        offline=options.get("offline", False),
        origin="zoo.add",
    )
    paths = order.predictions_among(paths)
    order.check(paths, name)
    images = order.test_images(catalog, options.get("report", lambda message, share: None))
    store = Store(Path(out))
    kind = None if options.get("scores") is None else ScoreKind(options["scores"])
    added = add_predictions(store, paths, images, list(catalog.metrics), name=name, scores=kind)
    return ranked(store.root, catalog, added, plugins=tuple(options.get("plugins", ())))


def _kept(data: object) -> str:
    from zoo.api.given.images import keep_images

    return keep_images(data)


def ranked(store: Path, catalog: Catalog, added: Sequence[AddedRow], *, plugins: Sequence[AnyPath] = ()) -> AddResult:
    """Write the leaderboard files of a store, and return its rows ranked."""
    from zoo.api.tables import rank_store

    leaderboard, trials, declared = rank_store(store, catalog)
    return AddResult(leaderboard, trials, declared, plugins, store=store, added=tuple(added))


@dataclass(frozen=True, kw_only=True, slots=True)
class AddOrder:
    """Which test images predictions are for."""

    data: str | None
    """Name of the dataset, if one was given."""
    labels: Path | None
    """File of labels; None: the dataset is loaded."""
    classes: tuple[str, ...]
    """Names of the classes; empty: those of the dataset, or the labels."""
    settings: Mapping[str, Any]
    """Settings of the dataset, as fields of :class:`harness.planning.request.BenchRequest`."""
    data_root: AnyPath | None
    offline: bool
    origin: str
    """What sentences call the place where the settings were given."""

    def predictions_among(self, files: Sequence[Path]) -> list[Path]:
        """Return *files* without the file of labels, which a pattern such as ``*.csv`` also matches."""
        return [file for file in files if self.labels is None or file.resolve() != self.labels.resolve()]

    def check(self, files: Sequence[Path], name: str | None) -> None:
        """Check what was given, as far as that needs no file.

        Raises:
            UsageError: With every mistake.
        """
        from zoo.errors import ManyErrors, UsageError

        errors = []
        if not files:
            errors.append(UsageError("expected at least one file of predictions, beside the file of labels"))
        if self.data is None and self.labels is None:
            errors.append(
                UsageError(
                    "expected --data NAME (data=), whose test images the predictions are for, or --labels FILE "
                    "(labels=) where the dataset is not at hand"
                )
            )
        if self.classes and self.labels is None:
            errors.append(UsageError("--classes goes with --labels; a dataset has its own names of classes"))
        if name is not None and len(files) > 1:
            errors.append(UsageError(f"--name {name} is for a single file, and {len(files)} were given"))
        ManyErrors.raise_if(errors)

    def test_images(self, catalog: Catalog, report: Report) -> TestImages:
        """Return the test images.

        Raises:
            ZooError: If the dataset or the file of labels cannot be read.
        """
        from harness.data.settings import DataSettings
        from harness.given.test_images import from_dataset, from_labels
        from harness.planning.plan import dataset_spec
        from harness.planning.selection import select_datasets
        from zoo.errors import UnknownNameError, UsageError
        from zoo.files.cache import data_root, require_writable_cache

        request = self._request()
        selected = None
        if self.data is not None:
            try:
                found = select_datasets(request, catalog)
            except UnknownNameError:
                if self.labels is None:
                    raise
                found = ()
            if len(found) > 1 or (not found and self.labels is None):
                raise UsageError(f"{self.data}: expected the name of one dataset (zoo list data lists all)")
            selected = found[0] if found else None
        if self.labels is not None:
            spec = self._foreign_spec() if selected is None else dataset_spec(selected, request)
            expected = None if selected is None else selected.entry.record.num_classes
            return from_labels(self.labels, spec, classes=self.classes, num_classes=expected)
        assert selected is not None, "a dataset or a file of labels is given"
        require_writable_cache()
        root = data_root(None if self.data_root is None else str(self.data_root))
        settings = DataSettings(data_root=root, download=not self.offline)
        return from_dataset(selected.entry.record, dataset_spec(selected, request), settings, report=report)

    def _request(self) -> BenchRequest:
        from harness.planning.request import BenchRequest

        raw = {**self.settings, **({} if self.data is None else {"data": [self.data]})}
        return BenchRequest.parse(raw, origin=self.origin)

    def _foreign_spec(self) -> Any:
        """Return the spec of a dataset that no plugin knows."""
        from harness.records.spec import DatasetSpec, ProviderSpec
        from zoo.names import slug
        from zoo.text import one_line

        assert self.labels is not None, "otherwise the dataset must be known"
        shown = one_line(self.data or self.labels.stem, max_length=120)
        return DatasetSpec(
            full_name=f"labels/{slug(shown, 100)}", display_name=shown, provider=ProviderSpec(plugin="none")
        )
