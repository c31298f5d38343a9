"""The table of all checks. A function of the same name, in the module of the check's kind, does the work."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from zoo.errors import ManyErrors, UnknownNameError
from zoo.names import near_names


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """Something that every record of a kind must hold to."""

    kind: str
    """``architectures``, ``datasets``, ``recipes``, ``metrics``, ``listeners`` or ``executors``."""
    id: str
    """Its name, unique over all kinds."""
    rationale: str
    """Why it matters, in one line."""
    slow: bool = False
    """Whether it is left out unless asked for."""

    @property
    def function(self) -> Callable[[Any], None]:
        """What is called with the :class:`~zoo.testing.subjects.Subject`; it raises where something is wrong."""
        function: Callable[[Any], None] = getattr(importlib.import_module(f"zoo.testing.{self.kind}"), self.id)
        return function


def _of(kind: str, *rows: tuple[str, str], slow: bool = False) -> tuple[Check, ...]:
    return tuple(Check(kind=kind, id=name, rationale=rationale, slow=slow) for name, rationale in rows)


CHECKS: tuple[Check, ...] = (
    *_of(
        "architectures",
        ("builds", "gives a module in train mode, in float32, with parameters to train"),
        (
            "output_shape",
            "logits [B, K] for several class counts, channels and sizes, from the smallest it declares on",
        ),
        ("finite_gradients", "forward and backward passes are finite, or training diverges at its first step"),
        ("eval_leaves_state", "evaluating changes nothing: neither weights, nor statistics, nor the next answer"),
        ("images_are_independent", "in eval mode an image's logits do not depend on the others in its batch"),
        ("same_seed_same_weights", "torch's seed alone decides the first weights, so that a trial can be repeated"),
        ("state_dict_round_trip", "saved weights loaded into a new network give the same logits"),
        ("half_precision", "bfloat16 autocast, which GPUs run by default, gives finite logits and gradients"),
        ("channels_last", "the memory layout that trials use changes nothing but speed"),
        ("parameter_count_stable", "as many parameters at each build, and after a forward pass as before"),
        ("overfits_64_images", "a network that cannot learn 64 images by heart learns nothing at all"),
        ("build_has_no_side_effects", "building and running it leave seeds, threads, dtype and warnings alone"),
    ),
    *_of(
        "architectures",
        ("compiles", "torch.compile traces it, forward and backward, and computes the same"),
        ("exports", "torch.export takes it and computes the same, where it claims so"),
        slow=True,
    ),
    *_of(
        "datasets",
        ("loads", "gives splits with labels and images"),
        ("absence_is_said", "where there is no data, one sentence says so, and no foreign exception"),
        ("splits_are_disjoint", "an image that is in train and in test scores for being remembered"),
        ("labels_are_right", "int64 in [0, K), and each class has a training image"),
        ("images_are_right", "uint8 pixels or image files that can be decoded, not scaled to [0, 1]"),
        ("ids_are_unique", "splits are carved by the hash of ids, which must be unique and the same at each load"),
        ("fingerprint_is_deterministic", "loading twice, under other seeds, gives the same images, labels and ids"),
        ("workers_change_nothing", "one decoding thread or four: the same images in the same order"),
        ("class_names_are_names", "unique, printable and not empty: they head the columns of the confusion matrix"),
        ("sizes_are_honest", "what is declared of classes, channels, pixels and counts is what is there"),
        ("load_has_no_side_effects", "loading leaves seeds, threads, dtype and warnings alone"),
    ),
    *_of(
        "recipes",
        ("hyperparameters_serialise", "hyper-parameters survive JSON, which a trial and its record are made of"),
        ("fits_64_images", "a recipe that cannot fit 64 easy images in its epochs trains nothing"),
        ("resume_equals_uninterrupted", "a training that was stopped ends with the same bits as one that was not"),
        ("schedule_ends_where_it_says", "the rate peaks at lr, drops that are promised come, and the end is the end"),
        ("augmentation_draws_from_its_generator", "uint8 of the same shape, drawn from the generator it is given only"),
        ("loss_is_a_mean", "a finite scalar with a gradient, the mean over images whatever the micro-batches"),
        ("predict_gives_logits", "logits [B, K] for each image, without random draws"),
        ("recipe_has_no_side_effects", "its functions leave seeds, threads, dtype and warnings alone"),
    ),
    *_of(
        "metrics",
        ("values_are_within_bounds", "numbers of the declared shape, within the declared bounds, or NaN"),
        ("order_of_images_is_irrelevant", "the same images in another order have the same score"),
        ("perfect_predictor_is_best", "no predictor scores better than one that is always right and sure"),
        ("constant_predictor_gains_nothing", "a model that saw nothing has the same score whatever the labels are"),
        ("known_cases", "the values that it states for cases worked by hand are what it computes"),
        ("predictions_are_left_alone", "the next metric reads the same predictions, and the same ones score the same"),
        ("metric_has_no_side_effects", "computing it leaves seeds, threads, dtype and warnings alone"),
    ),
    *_of(
        "listeners",
        ("hears_every_event", "it takes every event, odd ones included, and a second bench on the same folder"),
        ("listener_has_no_side_effects", "hearing leaves seeds, threads, dtype and warnings alone"),
    ),
    *_of(
        "executors",
        ("leaves_nothing_behind", "it has nodes, and closed, no process or thread of it is left; twice in a row"),
        ("messages_arrive_in_order", "a start, all messages as they were sent, and one end, for several tasks at once"),
        ("failures_are_told_apart", "what raises fails its trial; what loses its process is tried elsewhere"),
        ("a_task_can_be_stopped", "a trial that is asked to stop saves, and what it says last arrives"),
        ("a_task_can_be_killed", "the end of a killed task is told, and its process is gone"),
        ("executor_has_no_side_effects", "running tasks leaves seeds, threads, dtype and warnings alone"),
    ),
)
"""All checks, in the order in which they run."""


def checks_of(kind: str, *, only: Collection[str] = (), slow: bool = False) -> tuple[Check, ...]:
    """Return the checks of a kind; those named in *only*, or all, without the slow ones unless asked for."""
    return tuple(
        check for check in CHECKS if check.kind == kind and (check.id in only if only else slow or not check.slow)
    )


def require_ids(ids: Iterable[str]) -> None:
    """Raise for each id that no check has.

    Raises:
        UnknownNameError: With near names.
    """
    known = [check.id for check in CHECKS]
    ManyErrors.raise_if(
        UnknownNameError("check", each, near=near_names(each, known), hint="(docs/reference/kit.md lists all)")
        for each in dict.fromkeys(ids)
        if each not in known
    )
