"""The table of all checks. The function of a check has the same name, in the module of its kind."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from zoo.errors import ManyErrors, UnknownNameError
from zoo.names import near_names


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A requirement on every record of a kind."""

    kind: str
    """Kind of record: ``architectures``, ``datasets``, ``recipes``, ``metrics``, ``listeners``, ``executors``,
    ``report_formats`` or ``commands``."""
    id: str
    """Name of the check, unique over all kinds."""
    rationale: str
    """The requirement and why it matters, in one line."""
    slow: bool = False
    """Whether it runs only on request."""
    module: str = ""
    """Module of its function; empty: the module that is called like the kind."""

    @property
    def function(self) -> Callable[[Any], None]:
        """Function that takes a :class:`~zoo.testing.subjects.Subject`, and raises if the requirement is not met."""
        function: Callable[[Any], None] = getattr(
            importlib.import_module(f"zoo.testing.kinds.{self.module or self.kind}"), self.id
        )
        return function


def _of(kind: str, *rows: tuple[str, str], slow: bool = False, module: str = "") -> tuple[Check, ...]:
    return tuple(Check(kind=kind, id=name, rationale=rationale, slow=slow, module=module) for name, rationale in rows)


CHECKS: tuple[Check, ...] = (
    *_of(
        "architectures",
        ("builds", "building returns a module in train mode and float32, with trainable parameters"),
        (
            "output_shape",
            "logits are [B, K] for all numbers of classes and channels, and for all sizes from min_size up",
        ),
        ("finite_gradients", "forward and backward passes are finite; otherwise training diverges at once"),
        ("eval_leaves_state", "evaluation changes neither weights nor statistics nor later outputs"),
        ("images_are_independent", "in eval mode, the logits of an image do not depend on its batch"),
        ("same_seed_same_weights", "the seed of torch determines the initial weights, so that trials are reproducible"),
        ("state_dict_round_trip", "saved weights loaded into a new network give the same logits"),
        ("half_precision", "logits and gradients are finite under bfloat16 autocast, the default on GPUs"),
        ("channels_last", "the channels-last memory layout changes the speed only"),
        ("parameter_count_stable", "the number of parameters is the same for each build, and after a forward pass"),
        ("overfits_64_images", "the network can memorise 64 images; otherwise it learns nothing at all"),
        ("build_has_no_side_effects", "building and running change no seeds, threads, dtypes or warning filters"),
    ),
    *_of(
        "architectures",
        ("returns_logits", "outputs are unbounded logits, since the loss applies the softmax"),
        ("images_are_left_alone", "a forward pass does not change its input, which others use again"),
        (
            "training_is_reproducible",
            "weights, images and global seeds determine a training pass, as resuming needs",
        ),
        ("parameters_are_used", "each trainable parameter gets a gradient; an unused one inflates the reported size"),
        module="forward_passes",
    ),
    *_of(
        "architectures",
        ("builds_share_nothing", "two builds share no weights or statistics; otherwise seeds are not independent"),
        ("options_take_effect", "each option takes other values than its default, and changes the network"),
        ("pretrained_is_honoured", "has_pretrained means that pretrained=True loads weights, if they are available"),
        module="builders",
    ),
    *_of(
        "architectures",
        ("compiles", "torch.compile traces forward and backward passes, with the same results"),
        ("exports", "torch.export accepts the network if it is declared exportable, with the same results"),
        slow=True,
    ),
    *_of(
        "datasets",
        ("loads", "loading returns splits with labels and images"),
        ("absence_is_said", "missing data raises a DataError with one sentence, and no other exception"),
        ("splits_are_disjoint", "no image is in two splits; otherwise memorisation scores on the test set"),
        ("groups_stay_together", "no group is in two splits; otherwise a patient of the test set is trained on"),
        ("labels_are_right", "labels are int64 in [0, K), and each class has a training image"),
        ("images_are_right", "images are uint8 pixels, not scaled to [0, 1], or image files that can be decoded"),
        ("ids_are_unique", "ids are unique and stable, since hashes of ids determine the validation split"),
        ("fingerprint_is_deterministic", "loading again under another seed gives the same images, labels and ids"),
        ("workers_change_nothing", "the number of decoding threads changes neither images nor their order"),
        ("class_names_are_names", "class names are unique, printable and not empty, since they head tables"),
        ("sizes_are_honest", "declared numbers of classes, channels, pixels and images match the data"),
        ("load_has_no_side_effects", "loading changes no seeds, threads, dtypes or warning filters"),
    ),
    *_of(
        "recipes",
        ("hyperparameters_serialise", "hyperparameters survive JSON, the format of trials and records"),
        ("fits_64_images", "training fits 64 easy images within the epochs of the recipe"),
        ("resume_equals_uninterrupted", "resumed training gives the same bits as uninterrupted training"),
        ("schedule_ends_where_it_says", "the learning rate peaks at lr, drops as declared, and ends where it should"),
        (
            "augmentation_draws_from_its_generator",
            "augmentation keeps uint8 and shape, and draws from its generator only",
        ),
        ("augmentation_draws_for_each_image", "random augmentation draws for each image, not once for a batch"),
        ("loss_is_a_mean", "the loss is a finite, differentiable mean over images, for any split into micro-batches"),
        (
            "step_changes_gradients_only",
            "a training step returns a finite mean loss, and leaves weights as they were; the optimizer changes them",
        ),
        ("predict_gives_logits", "prediction returns logits [B, K] for all images, without random draws"),
        ("recipe_has_no_side_effects", "its functions change no seeds, threads, dtypes or warning filters"),
    ),
    *_of(
        "recipes",
        ("head_gives_logits", "a head fitted to features gives finite logits [B, K] for each image by itself"),
        ("head_is_rebuilt_from_shapes", "a saved head is filled into an empty one, with the same logits"),
        module="feature_heads",
    ),
    *_of(
        "metrics",
        ("values_are_within_bounds", "values have the declared shape, and are within the declared bounds or NaN"),
        ("order_of_images_is_irrelevant", "the order of the images does not change the value"),
        ("perfect_predictor_is_best", "no predictor scores better than one that is always right and certain"),
        ("constant_predictor_gains_nothing", "a constant model scores the same for any assignment of labels"),
        ("known_cases", "computed values equal the values worked out by hand"),
        (
            "influence_averages_to_the_value",
            "the influence of the images, on which ranks are based, has the metric as mean",
        ),
        (
            "classes_alone_give_the_value",
            "a metric that declares that it needs no scores follows from the predicted classes",
        ),
        ("predictions_are_left_alone", "computing does not modify predictions, and is repeatable"),
        ("metric_has_no_side_effects", "computing changes no seeds, threads, dtypes or warning filters"),
    ),
    *_of(
        "listeners",
        ("opens_without_the_folder", "it opens before the folder of records exists, which is created later"),
        ("accepts_every_event", "it accepts all events, unusual ones included, and a second bench in the same folder"),
        ("listener_has_no_side_effects", "listening changes no seeds, threads, dtypes or warning filters"),
    ),
    *_of(
        "executors",
        ("leaves_nothing_behind", "it has nodes, and leaves no process or thread when closed, twice in a row"),
        ("messages_arrive_in_order", "each of several tasks has one start, all its messages in order, and one end"),
        ("failures_are_told_apart", "an exception fails its trial, while a lost process is retried elsewhere"),
        ("a_task_can_be_stopped", "a trial that is asked to stop can save, and its last message arrives"),
        ("a_task_can_be_killed", "the end of a killed task is reported, and its process is gone"),
        ("executor_has_no_side_effects", "running tasks changes no seeds, threads, dtypes or warning filters"),
    ),
    *_of(
        "runtimes",
        ("gives_the_logits", "a converted network gives the logits of the network, or nearly so if it is quantised"),
        ("takes_any_batch", "a batch may have any size: 1 image for latency, thousands for throughput"),
        ("answers_repeatedly", "the same images give the same logits, and are not changed"),
        ("converts_again", "two conversions in one process give the same logits, and write into their folder only"),
        ("runtime_has_no_side_effects", "converting and running change no seeds, threads, dtypes or warning filters"),
    ),
    *_of(
        "report_formats",
        ("renders_a_leaderboard", "a small leaderboard becomes text that can be written as UTF-8"),
        ("renders_odd_names", "names with markup, quotes, other scripts or 200 letters do not break it"),
        ("renders_empty_leaderboards", "missing tables, rows, results and speeds do not break it"),
        ("rendering_is_repeatable", "the same leaderboard gives the same text later, and is not modified"),
        ("format_has_no_side_effects", "rendering writes no files, and changes no seeds or warning filters"),
    ),
    *_of(
        "commands",
        ("command_has_help", "the command and its subcommands have help, and --help shows it"),
        ("command_exits_cleanly", "wrong usage ends with exit code 2 and no traceback, as in all of zoo"),
        ("command_has_no_side_effects", "showing its help changes no seeds, threads, dtypes or warning filters"),
    ),
)
"""All checks, in the order in which they run."""


def checks_of(kind: str, *, only: Collection[str] = (), slow: bool = False) -> tuple[Check, ...]:
    """Return the checks of a kind: those named in *only*, or else all, with slow ones only if *slow*."""
    return tuple(
        check for check in CHECKS if check.kind == kind and (check.id in only if only else slow or not check.slow)
    )


def require_ids(ids: Iterable[str]) -> None:
    """Raise an error for each ID that is not a check.

    Raises:
        UnknownNameError: With near names.
    """
    known = [check.id for check in CHECKS]
    ManyErrors.raise_if(
        UnknownNameError("check", each, near=near_names(each, known), hint="(docs/reference/kit.md lists all)")
        for each in dict.fromkeys(ids)
        if each not in known
    )
