"""Fuzzing: every reader of foreign bytes returns, or raises the error that it promises; nothing else.

The examples are few in the ordinary tests. ``tox -e fuzz`` tries many more.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.records.history import read_history
from harness.records.predictions import load_predictions
from harness.records.record import Record
from harness.records.run_summaries import read_run_summaries
from harness.records.runtime_result import read_result
from harness.records.spec import stable_hash
from harness.records.store import read_record
from plugins.datasets._csv_table import read_table
from plugins.datasets._tar_index import index_tar
from reports.leaderboard.building import build_leaderboard
from reports.publishing.publishing import read_site
from reports.publishing.site_verification import check_site
from reports.render.json import render_json
from reports.render.latex import render_latex
from reports.render.markdown import render_markdown
from reports.site.build import site_files
from reports.site.changes import changelog, read_previous
from reports.site.folder import published_files
from reports.site.options import SiteOptions
from reports.site.statuses import read_verification
from reports.trials.reading import read_trials
from zoo import Catalog
from zoo.preparation import Preparation

from ..harness.data.image_files.test_bit_depth import png
from .fuzzing import FUZZ, JSON, damaged, only_zoo_errors, paths, replaced, saved

STORE = Path(__file__).parents[1] / "fixtures" / "store-v1"
FIRST = min(path for path in STORE.iterdir() if path.is_dir())

_COLUMNS = st.sampled_from(["model", "accuracy", "rank_low", "rank_high", "seeds"])
_CSV = st.text(st.sampled_from('path,label;\t|"\n\r²é0.'), max_size=80).map(str.encode)


RECORD = json.loads((FIRST / "record.json").read_bytes())
del RECORD["sha256"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one file that is written again and again."""
    return tmp_path


@FUZZ
@given(path=st.sampled_from(list(paths(RECORD))), new=JSON)
def test_a_record_with_an_odd_value_costs_at_most_itself(
    tmp_path_factory: Any, path: tuple[Any, ...], new: Any
) -> None:
    """Its checksum fits, as that of a stranger's record does."""
    root = tmp_path_factory.mktemp("store")
    store = Path(shutil.copytree(STORE, root / "runs"))
    record = store / FIRST.name / "record.json"
    try:
        changed = replaced(RECORD, path, new)
        record.write_text(json.dumps({**changed, "sha256": stable_hash(changed)}))
    except (ValueError, UnicodeEncodeError, TypeError):
        return  # it cannot be written at all
    trials, problems = read_trials([store], runtimes=True)
    assert len(trials) + len(problems) == 2
    assert list(read_run_summaries(store)) is not None
    leaderboard = build_leaderboard(trials)
    for render in (render_json, render_markdown, render_latex):
        assert render(leaderboard)
    assert site_files(leaderboard, trials, SiteOptions())
    shutil.rmtree(root)


@FUZZ
@given(content=damaged((FIRST / "record.json").read_bytes()))
def test_damaged_records(folder: Path, content: bytes) -> None:
    (folder / "record.json").write_bytes(content)
    record = only_zoo_errors(lambda: read_record(folder / "record.json"))
    assert record is None or isinstance(record, Record)
    only_zoo_errors(lambda: read_result(folder / "record.json"))


@FUZZ
@given(content=damaged((FIRST / "history.jsonl").read_bytes()))
def test_damaged_histories(folder: Path, content: bytes) -> None:
    (folder / "history.jsonl").write_bytes(content)
    assert all(isinstance(row, dict) for row in read_history(folder / "history.jsonl"))


@FUZZ
@given(content=damaged((FIRST / "predictions.safetensors").read_bytes()))
def test_damaged_predictions(folder: Path, content: bytes) -> None:
    (folder / "predictions.safetensors").write_bytes(content)
    only_zoo_errors(lambda: load_predictions(folder))


@FUZZ
@given(content=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_damaged_verifications_and_sites(folder: Path, content: bytes) -> None:
    for name in ("verification.json", "leaderboard.json", "SHA256SUMS"):
        (folder / name).write_bytes(content)
    only_zoo_errors(lambda: read_verification(folder))
    only_zoo_errors(lambda: published_files(folder))
    only_zoo_errors(lambda: read_site(folder))
    only_zoo_errors(lambda: check_site(folder))
    read_previous(folder / "leaderboard.json")


@FUZZ
@given(rows=JSON, cells=st.dictionaries(_COLUMNS, JSON))
def test_odd_leaderboards_of_earlier_publications(folder: Path, rows: Any, cells: dict[str, Any]) -> None:
    for value in (rows, [{"cells": cells}], [{"cells": rows}]):
        data = {"tables": [{"data": "toy", "fingerprint": "f", "rows": value}, rows]}
        (folder / "leaderboard.json").write_text(json.dumps(data))
        current = {"tables": [{"data": "toy", "fingerprint": "f", "rows": [{"cells": {"model": "net"}}]}]}
        assert changelog("", read_previous(folder / "leaderboard.json"), current, "2026-01-01").startswith("# Changes")


@FUZZ
@given(content=st.binary(max_size=300) | _CSV)
def test_odd_tables_and_tar_files(folder: Path, content: bytes) -> None:
    for prefix in (b"", b"path,label\n", b"\xff\xfe", b"sep=;\n"):
        (folder / "table.csv").write_bytes(prefix + content)
        only_zoo_errors(lambda: read_table(folder / "table.csv", {}))
    (folder / "images.tar").write_bytes(content)
    only_zoo_errors(lambda: index_tar(folder / "images.tar"))


@FUZZ
@given(content=st.binary(max_size=300) | st.text(st.sampled_from("[]={}\"'.\n#a1-:T"), max_size=60).map(str.encode))
def test_odd_suites(folder: Path, content: bytes) -> None:
    from harness.planning.request import BenchRequest, load_suite

    (folder / "suite.toml").write_bytes(content)
    raw = only_zoo_errors(lambda: load_suite(folder / "suite.toml"))
    if raw is not None:
        only_zoo_errors(lambda: BenchRequest.parse(raw, origin="suite"))


PIXELS = np.random.default_rng(0).integers(0, 65536, (9, 9, 3), dtype=np.uint16)
COLOUR = Image.fromarray((PIXELS >> 8).astype(np.uint8))
IMAGES = (
    *(saved(lambda file, kind=kind: COLOUR.save(file, kind)) for kind in ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP")),
    saved(lambda file: Image.fromarray(PIXELS[..., 0]).save(file, "PNG")),
    png(PIXELS, 2),
    png(PIXELS, 2, (b"tRNS", bytes(6))),
)
"""An image of each kind."""


@FUZZ
@given(content=st.one_of([damaged(each) for each in IMAGES]), bit_depth=st.sampled_from([None, 1, 12, 16]))
def test_damaged_images(content: bytes, bit_depth: int | None) -> None:
    from harness.data.image_files.decoding import decode, read_header
    from harness.data.image_files.opening import UnreadableImageError, quiet_pillow

    with quiet_pillow():
        for read in (
            read_header,
            lambda each: decode(each, channels=3, preparation=Preparation(size=8), bit_depth=bit_depth),
        ):
            with suppress(UnreadableImageError):
                read(content)


ARRAY = saved(lambda file: np.save(file, PIXELS))


@FUZZ
@given(content=damaged(ARRAY))
def test_damaged_arrays(folder: Path, content: bytes) -> None:
    from harness.data.array_files import load_array

    (folder / "a.npy").write_bytes(content)
    for mapped in (False, True):
        try:
            found = load_array(folder / "a.npy", mapped=mapped)
        except (OSError, ValueError):
            continue
        assert found.nbytes <= len(content)


def _table() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"img": [IMAGES[0]] * 4, "label": ["a", "b", "a", "b"]})
    return saved(lambda file: pq.write_table(table, file))


@FUZZ
@given(content=damaged(_table()))
def test_damaged_parquet(folder: Path, content: bytes) -> None:
    from plugins.datasets.parquet.loading import load_parquet

    (folder / "train.parquet").write_bytes(content)
    splits = only_zoo_errors(lambda: load_parquet(folder / "train.parquet"))
    if splits is not None:
        only_zoo_errors(lambda: [splits.train.encoded[index] for index in range(len(splits.train))])


def _weights() -> tuple[bytes, bytes]:
    import torch
    from safetensors.torch import save

    tensors = {"layer.weight": torch.zeros(3, 2), "layer.bias": torch.zeros(3)}
    return saved(lambda file: torch.save({"state_dict": tensors, "epoch": 3}, file)), save(tensors)


WEIGHTS = _weights()


@FUZZ
@given(content=damaged(WEIGHTS[0]) | damaged(WEIGHTS[1]))
def test_damaged_weights(folder: Path, catalog: Catalog, content: bytes) -> None:
    from harness.classifiers.trained import load_trained
    from harness.classifiers.weight_files import read_state_dict

    (folder / "weights.safetensors").write_bytes(content)
    only_zoo_errors(lambda: read_state_dict(folder / "weights.safetensors"))
    only_zoo_errors(lambda: load_trained(folder / "weights.safetensors", catalog))


@FUZZ
@given(content=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_odd_weights_and_cards(folder: Path, content: bytes) -> None:
    from harness.classifiers.card import ClassifierCard
    from harness.classifiers.weight_files import read_state_dict

    (folder / "weights").write_bytes(content)
    only_zoo_errors(lambda: read_state_dict(folder / "weights"))
    (folder / "weights").write_bytes(len(content).to_bytes(8, "little") + content)
    only_zoo_errors(lambda: read_state_dict(folder / "weights"))
    only_zoo_errors(lambda: ClassifierCard.parse(content, origin="a file"))
