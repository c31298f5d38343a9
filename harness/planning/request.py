"""Requests: settings of a bench, from a command line or a suite file. Names are not resolved yet."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError

from harness.records.seed_schedule import MAX_SEEDS
from harness.records.spec import Compile, FrozenModel, Precision
from zoo.errors import ManyErrors, UnknownNameError, UsageError
from zoo.files.plain_files import SUITE, read_text
from zoo.names import near_names
from zoo.options import Option
from zoo.text import one_line

# Defaults: small networks of different families that take a minute and a half on two cores.
DEFAULT_MODELS = ("linear", "simple_cnn", "lenet5", "vgg_small", "resnet20_cifar")
DEFAULT_DATA = ("digits",)
DEFAULT_RECIPES = ("sgd_quick",)
DEFAULT_SEEDS = 3
OWN_RUNTIME = "eager"
"""The runtime of trials that are not compiled."""

SHORT_FOR = {
    "epochs": "recipe.epochs",
    "batch_size": "recipe.batch_size",
    "pretrained": "recipe.pretrained",
    "image_size": "data.image_size",
}
"""Settings that are short for overrides, by which override."""

_MOST_SEEDS = 10_000
_LEAST_TRAIN = 3
_DURATION = re.compile(r"^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?$")


def _seeds(value: object) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_SEEDS:
        return value
    raise PydanticCustomError("seeds", f"input should be a whole number from 1 to {_MOST_SEEDS}, or auto")


def _names(value: object) -> object:
    """Split a string of comma-separated names, as on a command line."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _limit_train(value: int | None) -> int | None:
    if value is not None and value < _LEAST_TRAIN:
        raise PydanticCustomError(
            "limit_train", f"input should be at least {_LEAST_TRAIN}: training needs two images, and validation one"
        )
    return value


def _as_text(value: object) -> object:
    """Turn the numbers of a list, or a single one, into text, as on a command line."""
    if isinstance(value, list | tuple):
        return [str(each) if type(each) is int else each for each in value]
    return [str(value)] if type(value) is int else value


def _train_sizes(sizes: tuple[str, ...]) -> tuple[str, ...]:
    for size in sizes:
        if size != "all" and not (size.isascii() and size.isdigit() and int(size) > 0):
            raise PydanticCustomError(
                "train_sizes", "input should be whole numbers of images per class, such as 1,5,10, or all"
            )
    return tuple(dict.fromkeys(sizes))


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


class BenchRequest(FrozenModel):
    """Settings of a bench. Lists contain names, patterns (``resnet*``) and, for data, names with an argument."""

    models: Names = Field(DEFAULT_MODELS, min_length=1)
    """Architectures to compare."""
    data: Names = Field(DEFAULT_DATA, min_length=1)
    """Datasets to compare them on."""
    recipes: Names = Field(DEFAULT_RECIPES, min_length=1)
    """Recipes to train them by."""
    seeds: Annotated[int | Literal["auto"], PlainValidator(_seeds)] = DEFAULT_SEEDS
    """Number of seeds: ``first_seed``, ``first_seed + 1`` … ``auto``: as many as needed to separate the ranks."""
    max_seeds: int = Field(MAX_SEEDS, ge=1, le=_MOST_SEEDS)
    """Maximum number of seeds per row if ``seeds`` is ``auto``."""
    budget: str | None = Field(
        None, min_length=2, pattern=_DURATION.pattern, description="a time such as 2h, 90m, 45s or 1h30m"
    )
    """Time after which no further trial starts."""
    first_seed: int = Field(0, ge=0, lt=2**31)
    """First seed."""
    set: dict[str, Option | tuple[Option, ...]] = Field(default_factory=dict)
    """Overrides by dotted key: ``recipe.lr``, ``model.drop_rate``, ``data.image_size``. Several values of a recipe's or
    a model's setting make a row of each, and several such settings a row of each combination."""
    tune: int | None = Field(None, ge=2, le=10_000)
    """Number of trials of a search for each row, the recipe's own settings included; None: no search, unless
    ``tune_budget`` is given."""
    tune_budget: str | None = Field(
        None, min_length=2, pattern=_DURATION.pattern, description="a time such as 2h, 90m, 45s or 1h30m"
    )
    """Time on the device after which a row's search starts no further trial."""
    tune_repeats: int = Field(1, ge=1, le=_MOST_SEEDS)
    """Number of searches for each row; with more than one, each seed is tested with the settings of its own search."""
    sampler: Literal["tpe", "random"] = "tpe"
    """What proposes the settings of a search."""
    pruner: Literal["none", "asha", "hyperband"] = "none"
    """How unpromising trials of a search are stopped early; those that go on continue from their saved state."""
    space: dict[str, str] = Field(default_factory=dict)
    """Ranges to search by dotted key, see :mod:`zoo.space`; ``off`` leaves a setting alone, and ``lr-find`` finds
    learning rates by a range test."""
    epochs: int | None = Field(None, ge=1)
    """Shorthand for ``recipe.epochs``."""
    batch_size: int | None = Field(None, ge=1)
    """Shorthand for ``recipe.batch_size``."""
    pretrained: bool | None = None
    """Shorthand for ``recipe.pretrained``: whether to start from published weights; None: as the recipe does."""
    image_size: int | None = Field(None, ge=1)
    """Shorthand for ``data.image_size``."""
    argmax: Literal["subset", "all"] = "subset"
    """Which classes compete if published weights are tested with their own head: those of the dataset, or all."""
    class_map: str = "auto"
    """How the classes of such a head are matched with the dataset's: auto, index, or a CSV file."""
    unsplit_is_test: bool = False
    """Whether all images of a source without splits are test images, since nothing is trained."""
    limit_train: Annotated[int | None, AfterValidator(_limit_train)] = None
    """Maximum number of training images, stratified by class."""
    limit_test: int | None = Field(None, ge=1)
    """Maximum number of test images, stratified by class."""
    val_fraction: float = Field(0.1, gt=0, lt=1)
    """Share of the training images to validate on if the source has no validation split."""
    folds: int | None = Field(None, ge=2, le=100)
    """Number of cross-validation folds, each of which is the test set once; None: use the source's splits."""
    resplit: bool = False
    """Whether each seed draws its own validation split, or with ``folds`` its own deal of them."""
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|(cuda|hip|hpu|mlu|mtia|musa|npu|rocm|xpu)(:\d+)?)$",
        description="auto, cpu, cuda, cuda:N, mps, or another accelerator of torch's such as xpu",
    )
    gpus_per_trial: int = Field(1, ge=1, le=64)
    """GPUs that share each batch of a trial, starting at ``device``; on a CPU, the number of processes."""
    precision: Precision = "auto"
    """Numeric precision; auto: what suits the device."""
    compile: Compile = "off"
    """Compile mode. graphs: with CUDA graphs; auto: the fastest in a probe, for long training on a GPU."""
    layout: Literal["auto", "channels_last", "contiguous"] = "auto"
    """Memory layout of images; auto: chosen by a probe for each network."""
    batched_seeds: Literal["auto", "on", "off"] = "auto"
    """Whether the seeds of a small network train together, in one process as one batched network."""
    threads: int | None = Field(None, ge=1)
    """CPU threads per trial; None: by the work of a training step."""
    small_images: bool | None = None
    """Whether to reduce the first strides for small images; None: for images below 64 pixels."""
    measure_seconds: float = Field(0.3, ge=0, le=600)
    """Time for each speed measurement, shared by the seeds and folds of a row; 0: do not measure."""
    best_inference: bool = False
    """Whether to find the fastest inference settings and measure with them as well."""
    runtimes: Names = Field(("eager",), min_length=1)
    """Runtimes that evaluate and time the trained weights after the trials, without changing the trials."""
    train_sizes: Annotated[Names, BeforeValidator(_as_text), AfterValidator(_train_sizes)] = ()
    """Numbers of training images per class to fit heads to, or ``all``; each is a row of its own."""
    then: Names = ()
    """Recipes to train afterwards, on the rows that share the first rank; ``then.KEY`` in ``set`` sets an option."""
    test_also: Names = ()
    """Further test sets for the trained weights: ``NAME=DATA``, ``corrupt:all``, ``corrupt:NAME`` or ``slices``."""

    @property
    def most_seeds(self) -> int:
        """Maximum number of seeds per row."""
        return self.max_seeds if self.seeds == "auto" else self.seeds

    @property
    def budget_seconds(self) -> float | None:
        """Seconds after which no further trial starts; None: no limit."""
        return None if self.budget is None else _seconds(self.budget)

    @property
    def stops_rows(self) -> bool:
        """Whether rows get seed after seed, and those that cannot reach the best one no more: within a budget."""
        return self.budget is not None and self.seeds != "auto" and self.seeds > 1 and not self.is_tuned

    @property
    def second(self) -> BenchRequest:
        """The request for the recipes that come afterwards: with their own overrides, and without searches."""
        kept = {key: value for key, value in self.set.items() if key.partition(".")[0] not in ("recipe", "then")}
        own = {f"recipe.{key.partition('.')[2]}": value for key, value in self.set.items() if key.startswith("then.")}
        unset: dict[str, Any] = {
            "tune": None,
            "tune_budget": None,
            "tune_repeats": 1,
            "space": {},
            "train_sizes": (),
            "then": (),
        }
        seeds = DEFAULT_SEEDS if self.seeds == "auto" else self.seeds
        return self.model_copy(update={**unset, "recipes": self.then, "set": {**kept, **own}, "seeds": seeds})

    @property
    def is_tuned(self) -> bool:
        """Whether settings are searched."""
        return self.tune is not None or self.tune_budget is not None

    @property
    def tune_seconds(self) -> float | None:
        """Seconds on the device after which a search starts no further trial; None: no limit."""
        return None if self.tune_budget is None else _seconds(self.tune_budget)

    @property
    def set_keys(self) -> frozenset[str]:
        """Dotted keys of all settings that the user has given a value, shorthands included."""
        short = (long for name, long in SHORT_FOR.items() if getattr(self, name) is not None)
        return frozenset((*self.set, *short))

    @property
    def grid(self) -> tuple[str, ...]:
        """Dotted keys of the settings with several values, each of which is a row."""
        several = [key for key, value in self.set.items() if isinstance(value, tuple) and len(value) > 1]
        return (*several, *(["recipe.train_per_class"] if len(self.train_sizes) > 1 else []))

    @classmethod
    def parse(cls, raw: dict[str, Any], *, origin: str) -> BenchRequest:
        """Validate raw values from a suite file or a command line.

        Raises:
            UsageError: If there are mistakes; it lists all of them, and says that they are in *origin*.
        """
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            raise_all(error, cls, origin)


def _seconds(duration: str) -> float:
    match = _DURATION.match(duration)
    assert match is not None, "validation has checked it"
    return sum(float(text or 0) * size for text, size in zip(match.groups(), (3600, 60, 1), strict=True))


_MAX_DOTS = 300
"""Maximum number of dots in a line of a suite file: the parser's time for a key grows with the square of its dots."""
_MAX_NAMES = 1_000
"""Maximum number of entries of a list in a suite file: each name is looked for among thousands, near ones too."""


def load_suite(path: Path) -> dict[str, Any]:
    """Read a suite file: TOML with the fields of :class:`BenchRequest` at the top level, and a table ``[set]``.

    Raises:
        UsageError: If the file cannot be read.
    """
    try:
        text = read_text(path, SUITE)
        if max(line.count(".") for line in text.split("\n")) > _MAX_DOTS:
            raise UsageError(f"the suite file {path} has a line with more than {_MAX_DOTS} dots")
        raw = tomllib.loads(text)
    except OSError as error:
        hint = "" if path.suffix == ".toml" else "; models are chosen with --models, datasets with --data"
        raise UsageError(f"the suite file {path} cannot be read: {error.strerror or error}{hint}") from error
    except RecursionError:
        raise UsageError(f"the suite file {path} is not TOML: its values nest too deeply") from None
    except ValueError as error:  # also what the reader says of dates and numbers that do not exist
        raise UsageError(f"the suite file {path} is not TOML: {error}") from error
    long = next((key for key, value in raw.items() if isinstance(value, list) and len(value) > _MAX_NAMES), None)
    if long is not None:
        raise UsageError(
            f"the suite file {path} lists {len(raw[long]):,} {one_line(long, max_length=40)}; up to {_MAX_NAMES:,} may "
            "be listed, and a pattern such as resnet* selects many"
        )
    raw["set"] = dict(_flattened(raw.get("set", {}), "[set] must be a table such as: recipe.lr = 0.05"))
    if "space" in raw:
        expected = '[space] must be a table such as: recipe.lr = "log(1e-4, 1)"'
        raw["space"] = dict(_flattened(raw["space"], expected))
    return raw


def _flattened(table: Any, expected: str, prefix: str = "") -> list[tuple[str, Any]]:
    if not isinstance(table, dict):
        raise UsageError(expected)
    flat: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            flat.extend(_flattened(value, expected, f"{prefix}{key}."))
        else:
            flat.append((f"{prefix}{key}", value))
    return flat


def raise_all(error: ValidationError, model: type[FrozenModel], origin: str) -> NoReturn:
    """Turn pydantic's errors into one sentence each and raise them together."""
    errors: list[UsageError] = []
    details = error.errors()
    wrong = {each["loc"][0] for each in details if len(each["loc"]) > 1}
    for each in details:
        if each["type"] == "too_short" and each["loc"][0] in wrong:
            continue  # only because what it names is wrong
        key = ".".join(str(part) for part in each["loc"])
        if each["type"] == "extra_forbidden":
            errors.append(UnknownNameError(f"setting of {origin}", key, near=near_names(key, model.model_fields)))
        else:
            problem = each["msg"].lower()
            if each["type"] in ("string_pattern_mismatch", "string_too_short"):  # pydantic would print the pattern
                problem = f"input should be {model.model_fields[key].description}"
            elif each["type"] == "too_short":
                problem = "input should name at least one"
            elif each["type"] == "tuple_type":  # TOML and JSON have lists, not tuples
                problem = 'input should be a list such as ["a", "b"]'
            errors.append(UsageError(f"{origin}: {key} = {each['input']!r}: {problem}"))
    ManyErrors.raise_if(errors)
    raise AssertionError("a validation error names at least one error") from error
