"""The served classifier: answers equal those of predict, and a bad image or a full queue costs nobody else."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from harness.classifiers.predicting import Predictor
from harness.classifiers.trained import TrainedClassifier
from harness.serving.limits import Limits

from .serving_toys import SMALL, bomb, form, picture, refused

BAD = {
    "text": (b"no image at all", 415, "not an image of a known format"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "convert SVG"),
    "truncated": (picture("red", side=300, form="JPEG")[:-500], 422, "truncated"),
    "empty": (b"", 422, "empty"),
    "bomb": (bomb(60_000, 60_000), 413, "more than 1,000,000 pixels"),
    "too many pixels": (picture(side=1001), 413, "1001×1001 pixels are more than 1,000,000"),
    "too many bytes": (picture() + bytes(50_000), 413, "larger than 50 kB"),
    "not finite": (picture("white"), 422, "not finite"),
}


def test_answers_are_those_of_predict_bit_for_bit_where_the_batch_is_the_same(
    serve: Any, classifier: TrainedClassifier
) -> None:
    from harness.classifiers.predicting import ImageSource, predict_images

    rng = np.random.default_rng(5)
    images = []
    for number in range(7):
        file = io.BytesIO()
        Image.fromarray(rng.integers(1, 250, (9 + number, 12, 3), dtype=np.uint8)).save(file, "PNG")
        images.append(file.getvalue())
    predictor = Predictor(classifier, device="cpu", batch_size=7)
    sources = [ImageSource(name=str(index), image=image) for index, image in enumerate(images)]
    expected = [prediction.top(3) for prediction in predict_images(predictor, sources)]
    found = serve(max_batch=7, max_wait_ms=60_000).predict(*images).json()
    names = classifier.card.classes
    assert [[(each["class"], each["probability"]) for each in entry["predictions"]] for entry in found] == [
        [(names[index], probability) for index, probability in top] for top in expected
    ]


@pytest.mark.parametrize(("content", "status", "words"), BAD.values(), ids=BAD)
def test_a_bad_image_has_a_status_of_its_own_where_it_is_alone(
    serve: Any, content: bytes, status: int, words: str
) -> None:
    response = serve(SMALL).predict(("bad.png", content))
    refused(response, status, "bad.png: ", words)
    (entry,) = response.json()["images"]
    assert (entry["image"], entry["predictions"]) == ("bad.png", [])


@pytest.mark.parametrize(("content", "status", "words"), BAD.values(), ids=BAD)
def test_a_bad_image_among_good_ones_says_its_problem_and_the_others_are_answered(
    serve: Any, content: bytes, status: int, words: str
) -> None:
    served = serve(SMALL)
    response = served.predict(picture("red"), content, picture("blue"))
    assert response.status_code == 200
    first, bad, last = response.json()
    assert words in bad["problem"]
    assert [each["predictions"][0]["class"] for each in (first, last)] == ["red", "blue"]
    assert served.count("zoo_images_total", outcome="predicted") == 2
    assert served.count("zoo_images_total", outcome="problem") == 1


def test_a_bomb_is_refused_before_it_is_decompressed(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("it was decompressed"))
    assert serve().predict(bomb(30_000, 30_000)).status_code == 413


def test_only_bad_images_of_several_kinds_are_422_with_all_their_problems(serve: Any) -> None:
    response = serve(SMALL).predict(b"text", bomb(9000, 9000))
    refused(response, 422, "none of the 2 images", "not an image")
    assert [bool(each["problem"]) for each in response.json()["images"]] == [True, True]


def test_a_full_queue_gives_503_with_retry_after_and_loses_nothing(serve: Any) -> None:
    served = serve(Limits(images=4, queue=8), max_batch=4)
    served.model.go_on.clear()

    async def ask(client: httpx.AsyncClient) -> tuple[list[httpx.Response], httpx.Response]:
        taken = [asyncio.ensure_future(client.post("/predict", files=form(*[picture()] * 4))) for _ in range(2)]
        while served.classifier.num_held < 8:
            await asyncio.sleep(0.005)
        late = await client.post("/predict", files=form(picture()))
        served.model.go_on.set()
        return await asyncio.gather(*taken), late

    taken, late = served.run(ask)
    refused(late, 503, "8 images are queued already")
    assert int(late.headers["retry-after"]) >= 1
    assert [response.status_code for response in taken] == [200, 200]
    assert served.predict(picture()).status_code == 200
    assert served.count("zoo_requests_total", route="/predict", status="503") == 1


def test_requests_of_many_clients_go_through_the_network_together(serve: Any) -> None:
    served = serve(max_batch=8)
    served.model.go_on.clear()

    async def ask(client: httpx.AsyncClient) -> Sequence[httpx.Response]:
        asked = [asyncio.ensure_future(client.post("/predict", files=form(picture("blue")))) for _ in range(9)]
        while served.classifier.num_held < 9:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        served.model.go_on.set()
        return await asyncio.gather(*asked)

    answers = [response.json()[0]["predictions"][0]["class"] for response in served.run(ask)]
    assert answers == ["blue"] * 9
    assert len(served.model.batches) < 9
    assert served.count("zoo_batch_images_sum") == 9


def test_a_failing_network_fails_its_batch_and_is_reported_in_the_log_and_by_health(serve: Any) -> None:
    served = serve(max_batch=1)
    for _ in range(3):
        assert served.ask("GET", "/health").status_code == 200
        refused(served.predict(picture("black")), 500, "the network failed; the server's log says why")
    assert all("it is dark" in report for report in served.reports)
    assert len(served.reports) == 3
    health = served.ask("GET", "/health")
    assert (health.status_code, health.json()) == (503, {"status": "failing"})
    assert served.predict(picture("red")).status_code == 200
    assert served.ask("GET", "/health").json() == {"status": "ready"}


def test_draining_answers_what_was_taken_and_refuses_what_is_new(serve: Any) -> None:
    served = serve()
    served.model.go_on.clear()

    async def ask(client: httpx.AsyncClient) -> list[httpx.Response]:
        taken = asyncio.ensure_future(client.post("/predict", files=form(picture())))
        while not served.classifier.num_held:
            await asyncio.sleep(0.005)
        served.classifier.is_draining = True
        new, health = await client.post("/predict", files=form(picture())), await client.get("/health")
        served.model.go_on.set()
        return [await taken, new, health]

    taken, new, health = served.run(ask)
    assert taken.status_code == 200
    refused(new, 503, "stopping")
    assert (health.status_code, health.json()) == (503, {"status": "draining"})


def test_served_pictures_are_prepared_as_for_the_network(serve: Any) -> None:
    """A turned photograph is turned upright, a transparent one is on white: decoding is that of all else."""
    file = io.BytesIO()
    Image.new("RGBA", (12, 12), (255, 0, 0, 128)).save(file, "PNG")
    (half,) = serve().predict(file.getvalue()).json()
    plain = serve().predict(picture("#ff7f7f")).json()[0]
    assert half["predictions"] == plain["predictions"]
