"""Photographs end to end (issue 17): what was trained is what is served, and sizes are compared on the same images."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.classifiers.exporting import export_classifier
from harness.classifiers.predicting import ImageSource, Predictor, predict_images
from harness.classifiers.trained import load_trained
from harness.data.splitting import hash_ids
from harness.records.predictions import load_predictions
from harness.records.store import read_record
from harness.serving.limits import Limits
from harness.serving.metrics import Metrics
from harness.serving.served import ServedClassifier
from harness.serving.uploads import UploadedImage
from zoo import Catalog

WAYS = {
    "crop": {"data.crop_share": 0.8, "data.interpolation": "bilinear"},
    "pad": {"data.fit": "pad"},
    "squash": {"data.fit": "squash", "data.antialias": False},
}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of different sizes and kinds of files, ``train/CLASS/NUMBER.SUFFIX`` and ``test/…``."""
    folder, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(11)
    for split, count in (("train", 16), ("test", 6)):
        for index, name in enumerate(("ant", "bee")):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                height, width = 30 + 7 * number % 40, 50 - 5 * number % 30
                pixels = rng.integers(0, 130, (height, width, 3), dtype=np.uint8)
                pixels[..., 2 * index] += 100
                image, suffix, options = Image.fromarray(pixels), ("png", "jpg")[number % 2], {}
                if number % 5 == 1:
                    exif = Image.Exif()
                    exif[0x0112] = 6
                    options = {"exif": exif}
                image.save(folder / split / name / f"{number:02}.{suffix}", **options)
    return folder


def paths_of(folder: Path) -> list[Path]:
    return sorted((folder / "test").rglob("*.*"))


@pytest.mark.parametrize("way", WAYS)
def test_bench_predict_serve_and_an_exported_file_in_plain_onnxruntime_give_the_same_logits(
    photographs: Path, train_trial: Callable[..., Path], catalog: Catalog, tmp_path: Path, way: str
) -> None:
    data = [f"folder:{photographs}"]
    trial = train_trial(catalog, models=["linear"], data=data, set={"data.image_size": 20, **WAYS[way]})
    check_equal_everywhere(trial, photographs, catalog, tmp_path / "net.onnx")


@pytest.mark.parametrize("head", ["probe", "knn", "ncm", "lda"])
def test_a_head_that_was_fitted_to_features_gives_the_same_logits_everywhere(
    photographs: Path, train_trial: Callable[..., Path], catalog: Catalog, tmp_path: Path, head: str
) -> None:
    """Issue 19: exported and served as one network, backbone and head."""
    asked = {"data.image_size": 20, "recipe.pretrained": False}
    data = [f"folder:{photographs}"]
    trial = train_trial(catalog, models=["simple_cnn"], data=data, recipes=[head], epochs=None, set=asked)
    features = read_record(trial / "record.json").features
    assert features is not None
    assert features.chosen
    check_equal_everywhere(trial, photographs, catalog, tmp_path / "net.onnx")


def check_equal_everywhere(trial: Path, photographs: Path, catalog: Catalog, path: Path) -> None:
    """Check that the test images have the same logits in the bench, predict, serve and a file exported to *path*."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx has it")
    pytest.importorskip("onnxscript", reason="the extra onnx has it")
    paths = paths_of(photographs)
    saved = load_predictions(trial)
    order = {sample: place for place, sample in enumerate(saved.samples.tolist())}
    places = [order[int(hash_ids([path.relative_to(photographs).as_posix()])[0])] for path in paths]
    tested_NK = np.asarray(saved.predictions.logits)[places]

    classifier = load_trained(trial, catalog)
    predictor = Predictor(classifier, device="cpu")
    predicted = list(predict_images(predictor, [ImageSource(name=path.name, image=path) for path in paths]))
    np.testing.assert_allclose([each.logits_K for each in predicted], tested_NK, rtol=1e-5, atol=1e-5)

    assert served(predictor, paths) == [
        [(classifier.card.classes[index], probability) for index, probability in each.top(2)] for each in predicted
    ]

    images_NHWC = np.stack([predictor.decode(each) for each in paths])
    export_classifier(classifier, "onnx", path, images_NHWC=images_NHWC, catalog=catalog, tolerance=1e-4)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    described = json.loads(path.with_name("net.onnx.json").read_bytes())["classifier"]
    inputs_NCHW = np.stack([by_hand(each, described) for each in paths]).astype(np.float32)
    (exported_NK,) = session.run(["logits"], {"images": inputs_NCHW})
    np.testing.assert_allclose(exported_NK, tested_NK, rtol=1e-4, atol=1e-4)


def by_hand(path: Path, card: dict[str, Any]) -> np.ndarray:
    """Prepare a photograph with Pillow alone, by what the description beside an exported file says."""
    from PIL import ImageOps

    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    size = card["image_size"]
    scaled = int(size / card["crop_share"])
    resample = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[card["interpolation"]]
    if card["fit"] == "squash":
        shape = (scaled, scaled)
    else:
        side = max(image.size) if card["fit"] == "pad" else min(image.size)
        shape = tuple(
            scaled if each == side else (round if card["fit"] == "pad" else int)(scaled * each / side)
            for each in image.size
        )
    if card["antialias"]:
        image = image.resize(shape, resample)
    else:
        image = image.transform(shape, Image.Transform.EXTENT, (0, 0, *image.size), resample=resample)
    if card["fit"] == "pad":
        fill = tuple(card["fill"] if len(card["fill"]) == 3 else card["fill"] * 3)
        padded = Image.new("RGB", (size, size), fill)
        padded.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
        image = padded
    left, top = (round((each - size) / 2) for each in image.size)
    pixels_HWC = np.asarray(image.crop((left, top, left + size, top + size))) / 255
    return ((pixels_HWC - card["mean"]) / card["std"]).transpose(2, 0, 1)


def served(predictor: Predictor, paths: list[Path]) -> list[list[tuple[str, float]]]:
    """Return what a server answers, in one batch."""
    serving = ServedClassifier(
        predictor,
        limits=Limits(),
        metrics=Metrics(),
        max_batch=len(paths),
        max_wait_ms=60_000,
        report=pytest.fail,
    )
    uploads = [UploadedImage(name=path.name, content=path.read_bytes()) for path in paths]
    try:
        status, entries = asyncio.run(serving.classify(uploads, 2))
    finally:
        serving.close()
    assert status == 200
    return [[(each["class"], each["probability"]) for each in entry["predictions"]] for entry in entries]


def test_an_object_at_the_edge_of_wide_pictures_is_missed_by_a_crop_and_seen_by_padding(
    train_trial: Callable[..., Path], catalog: Catalog, tmp_path: Path
) -> None:
    rng = np.random.default_rng(2)
    for split, count in (("train", 40), ("test", 50)):
        for index, name in enumerate(("blue", "red")):
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(90, 160, (24, 96, 3), dtype=np.uint8)
                left = int(rng.choice([0, 72]))
                pixels[:, left : left + 24] = (255, 0, 0) if index else (0, 0, 255)
                Image.fromarray(pixels).save(tmp_path / split / name / f"{number:02}.png")

    def accuracy(fit: str) -> float:
        asked = {"data.image_size": 24, "data.fit": fit}
        folder = train_trial(catalog, models=["linear"], data=[f"folder:{tmp_path}"], epochs=12, set=asked)
        return float(read_record(folder / "record.json").metrics["accuracy"].value)

    assert abs(accuracy("crop") - 0.5) <= 0.15
    assert accuracy("pad") >= 0.95
    assert accuracy("squash") >= 0.95


PLUGIN = """
from zoo import Architecture, Hyperparameters, Preparation, Recipe, hookimpl

def build(request):
    from torch import nn
    return nn.Sequential(
        nn.Flatten(), nn.Linear(request.in_channels * request.image_size**2, request.num_classes)
    )

def at(size):
    return lambda options: Preparation(size=size, crop_share=0.875, interpolation="bilinear")

@hookimpl
def zoo_architectures():
    for size in (16, 20, 28):
        yield Architecture(name=f"net{size}", build=build, has_pretrained=True, preparation=at(size))

@hookimpl
def zoo_recipes():
    tuned = lambda: Hyperparameters(epochs=3, batch_size=8, pretrained=True)
    yield Recipe(name="tuned", hyperparameters=tuned)
"""


def test_rows_of_three_input_sizes_are_compared_on_the_same_images(
    call_zoo: Callable[..., Any], photographs: Path, tmp_path: Path
) -> None:
    (tmp_path / "sizes.py").write_text(PLUGIN)
    selecting = ("--plugin", "sizes.py", "--models", "net16,net20,net28", "--recipes", "tuned", "--seeds", "1")
    selecting += ("--data", f"folder:{photographs}")
    plan = call_zoo("plan", *selecting)
    assert plan.exit_code == 0, plan.stderr
    for size in (16, 20, 28):
        assert f"{size} px, crop 0.875" in plan.stdout
    result = call_zoo("bench", *selecting, "--device", "cpu", "--measure-seconds", "0", "-o", "runs")
    assert result.exit_code == 0, result.stderr
    records = [read_record(path) for path in sorted((tmp_path / "runs").glob("*/record.json"))]
    assert [each.data.image_size for each in records if each.data] == [16, 20, 28]
    assert len({each.data.fingerprint for each in records if each.data}) == 1
    samples = [load_predictions(path.parent).samples.tolist() for path in (tmp_path / "runs").glob("*/record.json")]
    assert samples[0] == samples[1] == samples[2]
    ranked = call_zoo("rank", "runs", "--format", "json")
    (table,) = json.loads(io.StringIO(ranked.stdout).read())["tables"]
    assert len(table["rows"]) == 3


def test_random_crops_are_drawn_from_whole_photographs_that_are_kept_for_the_bench(
    call_zoo: Callable[..., Any], photographs: Path, tmp_path: Path, make_cache: Callable[[], Path]
) -> None:
    cache = make_cache()
    words = ("bench", "--models", "linear", "--recipes", "sgd_quick", "--data", f"folder:{photographs}", "--seeds", "1")
    words += ("--image-size", "16", "--epochs", "2", "--batch-size", "8", "--device", "cpu", "--measure-seconds", "0")
    words += ("-o", "runs", "--set", "recipe.random_resized_crop=0.4")
    first = call_zoo(*words, ZOO_CACHE=str(cache))
    assert first.exit_code == 0, first.stderr
    (path,) = (tmp_path / "runs").glob("*/record.json")
    assert read_record(path).outcome == "done"
    assert len(list(cache.rglob("*whole*"))) > 0
    before = path.read_bytes()
    assert call_zoo(*words, ZOO_CACHE=str(cache)).exit_code == 0
    assert path.read_bytes() == before
