"""The page of features: for each row with saved features, its test images as points in the plane.

It stands beside the site, not in its checksums: versions of the libraries that place the points give others, whereas
the rest of a site follows from its records byte for byte.

Shape suffixes: N images, D features.
"""

from __future__ import annotations

import colorsys
import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.records.predictions import load_predictions
from harness.records.runtime_result import predictions_file
from harness.system.atomic_files import write_bytes
from reports.leaderboard.leaderboard import Leaderboard
from reports.pictures.embedding import Method, embed, usual_method
from reports.site.entries import entries_of
from reports.trials.reading import Trial
from zoo.errors import StoreError
from zoo.metric import Predictions
from zoo.text import one_line, plural

PAGE = "features.html"
MOST_IMAGES = 2_000
"""Number of images that are drawn; more take minutes, and hide each other."""
_SIDE, _MARGIN = 560, 12
_MOST_CLASSES = 40
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color-scheme:light dark}"
    "svg{max-width:100%;height:auto;border:1px solid #8884}section{margin:2rem 0}"
    "ul{list-style:none;padding:0;columns:12rem}.k{display:inline-block;width:.8em;height:.8em;margin-right:.4em}"
)


def write_features_page(folder: Path, leaderboard: Leaderboard, trials: Sequence[Trial], *, title: str) -> int:
    """Write the page of features into the folder of a site, and return how many rows it shows.

    Of each row, the first seed with saved features is shown.

    Raises:
        StoreError: If no row has saved features.
    """
    method = usual_method()
    sections = []
    for entry in entries_of(leaderboard, trials):
        found = _first_with_features(entry.done)
        if found is not None:
            name = f"{one_line(entry.row.model)} · {one_line(entry.row.recipe)} · {one_line(entry.table.data)}"
            sections.append(_section(name, *found, method))
    if not sections:
        raise StoreError(
            "no trial has saved the features of its test images: zoo bench --listen features saves them, for trials "
            "that are not finished yet"
        )
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Features · {html.escape(one_line(title))}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style>'
        f"<h1>Features of the test images</h1><p>Each point is a test image, placed by {method} from what the "
        "classifier of the network is given for it: near points are images that the network finds alike. Colours are "
        "true classes, and rings are images that the row gets wrong. Distances between groups, and their sizes, mean "
        f'nothing.</p>{"".join(sections)}<p><a href="index.html">Leaderboard</a></p></html>\n'
    )
    write_bytes(folder / PAGE, text.encode("utf-8", "replace"))
    return len(sections)


def _first_with_features(trials: Sequence[Trial]) -> tuple[int, Predictions] | None:
    for folder, record in trials:
        try:
            name = predictions_file(record)
            predictions = load_predictions(folder, sha256=record.files.get(name), name=name).predictions
        except StoreError:
            continue
        if predictions.features is not None and len(predictions.labels) >= 5:
            return record.spec.seed, predictions
    return None


def _section(name: str, seed: int, predictions: Predictions, method: Method) -> str:
    total = len(predictions.labels)
    if total > MOST_IMAGES:
        predictions = predictions.select(np.sort(np.random.default_rng(0).permutation(total)[:MOST_IMAGES]))
    assert predictions.features is not None, "others are left out"
    points_N2 = _MARGIN + (_SIDE - 2 * _MARGIN) * embed(predictions.features, method)
    labels_N, called_N = predictions.labels, predictions.logits.argmax(axis=1)
    names = [html.escape(one_line(each, max_length=60)) for each in predictions.classes]
    colors = _colors(len(names))
    circles = "".join(
        _circle(x, y, names[label], "" if label == called else names[called], colors[label])
        for (x, y), label, called in zip(points_N2.tolist(), labels_N.tolist(), called_N.tolist(), strict=True)
    )
    shown = sorted(set(labels_N.tolist()))
    keys = "".join(
        f'<li><span class="k" style="background:{colors[each]}"></span>{names[each]}</li>'
        for each in shown[:_MOST_CLASSES]
    )
    num_more = len(shown) - _MOST_CLASSES
    more = f"<p>and {plural(num_more, 'more class', 'more classes')}</p>" if num_more > 0 else ""
    images = plural(total, "test image")
    part = f"{len(labels_N):,} of {images}" if total > len(labels_N) else images
    mistakes = plural(int((labels_N != called_N).sum()), "mistake")
    size = f'viewBox="0 0 {_SIDE} {_SIDE}" width="{_SIDE}" height="{_SIDE}"'
    label = f"{html.escape(name)}: test images placed by {method}"
    return (
        f"<section><h2>{html.escape(name)}</h2><p>seed {seed}, {part}, {mistakes}, {predictions.features.shape[1]:,} "
        f'features</p><svg {size} role="img" aria-label="{label}">{circles}</svg><ul>{keys}</ul>{more}</section>'
    )


def _circle(x: float, y: float, name: str, called: str, color: str) -> str:
    """Return the mark of an image; *called* is the wrong class that it is given, empty if it is right."""
    paint = f'r="5" fill="none" stroke="{color}" stroke-width="2"' if called else f'r="3.5" fill="{color}"'
    said = f"{name}, called {called}" if called else name
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" {paint}><title>{said}</title></circle>'


def _colors(count: int) -> list[str]:
    """Return a colour for each class: hues around the circle, in two shades where there are many."""
    found = []
    for index in range(count):
        lightness = 0.45 if count <= 10 or index % 2 else 0.62
        red, green, blue = colorsys.hls_to_rgb(index / count, lightness, 0.65)
        found.append(f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}")
    return found
