"""What is served: answers, and a clean refusal of everything else, which costs nobody but who sent it."""

from __future__ import annotations

import asyncio
import io
import struct
import threading
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from harness.classifiers.predicting import Predictor
from harness.classifiers.trained import TrainedClassifier
from harness.serving.app import create_app
from harness.serving.limits import Limits
from harness.serving.metrics import Metrics
from harness.serving.served import ServedClassifier

from .serving_toys import SOON, colour_classifier, form, picture

HOSTILE = "<img src=x onerror=alert(1)>\u202e\u0007.png"


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header says that it is large; a few bytes."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


class Served:
    """An app in this process, and what asks it."""

    def __init__(self, classifier: TrainedClassifier, *, limits: Limits, max_batch: int, **options: Any) -> None:
        self.model: Any = classifier.model
        self.limits, self.metrics, self.reports = limits, Metrics(), list[str]()
        self.classifier = ServedClassifier(
            Predictor(classifier, device="cpu", batch_size=max_batch),
            limits=limits,
            metrics=self.metrics,
            max_batch=max_batch,
            max_wait_ms=options.pop("max_wait_ms", 0),
            report=self.reports.append,
        )
        self.app = create_app(self.classifier, metrics=self.metrics, **options)

    def run(self, ask: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
        async def all_of_it() -> Any:
            # What the server makes of an error of its own is what is looked at, not the error.
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                async with asyncio.timeout(SOON):
                    return await ask(client)

        return asyncio.run(all_of_it())

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.run(lambda client: client.request(method, path, **options))

    def predict(self, *images: bytes | tuple[str, bytes], path: str = "/predict", **options: Any) -> httpx.Response:
        return self.ask("POST", path, files=form(*images), **options)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def classifier() -> TrainedClassifier:
    return colour_classifier()


@pytest.fixture
def serve(classifier: TrainedClassifier) -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def make(limits: Limits | None = None, max_batch: int = 8, **options: Any) -> Served:
        made.append(Served(classifier, limits=limits or Limits(), max_batch=max_batch, **options))
        return made[-1]

    yield make
    for each in made:
        each.model.go_on.set()
        each.classifier.close()


def refused(response: httpx.Response, status: int, *words: str) -> None:
    """Hold a response to be a clean refusal: its status, and one sentence with these words."""
    assert response.status_code == status, response.text
    detail = response.json()["detail"]
    assert "\n" not in detail
    for word in words:
        assert word in detail


def test_an_entry_for_each_image_in_order_with_the_best_classes_first(serve: Any) -> None:
    names = ("blue", "red", "lime")
    response = serve().predict(*((f"{name}.png", picture(name)) for name in names), path="/predict?top_k=2")
    assert response.status_code == 200
    found = response.json()
    assert [each["image"] for each in found] == ["blue.png", "red.png", "lime.png"]
    assert [each["predictions"][0]["class"] for each in found] == ["blue", "red", "green"]
    assert [len(each["predictions"]) for each in found] == [2, 2, 2]
    assert all(0.99 < each["predictions"][0]["probability"] <= 1 for each in found)
    assert all(each["problem"] is None for each in found)


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


@pytest.mark.parametrize(("asked", "given"), [("", 3), ("?top_k=1", 1), ("?top_k=3", 3), ("?top_k=1000", 3)])
def test_top_k_is_bounded_by_the_classes_there_are(serve: Any, asked: str, given: int) -> None:
    (entry,) = serve().predict(picture(), path=f"/predict{asked}").json()
    assert len(entry["predictions"]) == given


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("top_k=0", ("top_k", "greater than or equal to 1")),
        ("top_k=many", ("top_k", "integer")),
        ("topk=3", ("'topk'", "'top_k'")),
        ("threshold=3", ("'threshold'", "'top_k'")),
    ],
)
def test_a_query_that_cannot_be_meant_is_said(serve: Any, query: str, words: tuple[str, ...]) -> None:
    refused(serve().predict(picture(), path=f"/predict?{query}"), 422, *words)


BAD = {
    "text": (b"no image at all", 415, "not an image of a known format"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not an image"),
    "truncated": (picture("red", side=300, form="JPEG")[:-500], 422, "truncated"),
    "empty": (b"", 422, "empty"),
    "bomb": (bomb(60_000, 60_000), 413, "more than 1,000,000 pixels"),
    "too many pixels": (picture(side=1001), 413, "1001×1001 pixels are more than 1,000,000"),
    "too many bytes": (picture() + bytes(50_000), 413, "larger than 50 kB"),
    "not finite": (picture("white"), 422, "not finite"),
}
SMALL = Limits(image_bytes=50_000, request_bytes=300_000, pixels=1_000_000, images=4, queue=8)


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


def test_names_are_foreign_text_and_come_back_as_they_are(serve: Any) -> None:
    response = serve().predict((HOSTILE, picture()))
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    boundary = b'--x\r\nContent-Disposition: form-data; name="images"; filename="\xff\xc3.png"\r\n\r\n'
    odd = serve().ask(
        "POST",
        "/predict",
        content=boundary + picture() + b"\r\n--x--\r\n",
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert odd.json()[0]["image"] == "ÿÃ.png"


def _body(text: bytes) -> dict[str, Any]:
    return {"content": text, "headers": {"content-type": "multipart/form-data; boundary=x"}}


PART = b'--x\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n'


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        ({}, 415, ("multipart/form-data", "'images'")),
        ({"json": {"images": []}}, 415, ("multipart/form-data",)),
        ({"content": picture(), "headers": {"content-type": "image/png"}}, 415, ("multipart/form-data",)),
        ({"content": b"", "headers": {"content-type": "multipart/form-data"}}, 400, ("boundary",)),
        ({"content": b"", "headers": {"content-type": f"multipart/form-data; boundary={'x' * 999}"}}, 400, ("broken",)),
        (_body(b""), 400, ("broken",)),
        (_body(b"nonsense"), 400, ("broken",)),
        (_body(PART + picture()), 400, ("broken", "no end")),
        (_body(b"--x\r\nno header\r\n\r\n\r\n--x--\r\n"), 400, ("broken",)),
        (_body(b"--x\r\n" + b"A: b\r\n" * 50 + b"\r\n\r\n--x--\r\n"), 400, ("broken",)),
        (_body(b"--x\r\nA: " + b"b" * 9999 + b"\r\n\r\n\r\n--x--\r\n"), 400, ("broken",)),
        (_body(b"--x\r\nContent-Type: image/png\r\n\r\nabc\r\n--x--\r\n"), 422, ("has ''", "'images'")),
        ({"files": form(picture(), field="file")}, 422, ("'file'", "'images'")),
        ({"data": {"images": "a.png"}, "files": {"other": b"x"}}, 422, ("'images', 'other'",)),
        ({"files": form(*[picture()] * 5)}, 413, ("more than 4 images",)),
        ({"files": form(bytes(301_000))}, 413, ("larger than 300 kB",)),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused_in_one_sentence(
    serve: Any, request_: dict[str, Any], status: int, words: tuple[str, ...]
) -> None:
    served = serve(SMALL)
    refused(served.ask("POST", "/predict", **request_), status, *words)
    assert served.predict(picture()).status_code == 200


def test_a_body_of_unknown_length_is_counted_while_it_comes_in(serve: Any) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield PART
        while True:
            sent += 10_000
            yield bytes(10_000)

    refused(serve(SMALL).ask("POST", "/predict", **_body(endless())), 413, "larger than 300 kB")  # type: ignore[arg-type]
    assert sent <= 400_000


def test_a_length_that_is_too_large_is_refused_before_anything_is_read(serve: Any) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        pytest.fail("it was read")
        yield b""

    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": "300001"}
    refused(serve(SMALL).ask("POST", "/predict", content=nothing(), headers=headers), 413, "larger than 300 kB")


def test_a_body_that_takes_too_long_is_given_up(serve: Any) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield PART
        while True:
            await asyncio.sleep(0.01)
            yield b"."

    refused(serve(Limits(body_seconds=0.1)).ask("POST", "/predict", **_body(slow())), 408, "0.1 s")  # type: ignore[arg-type]


def test_a_full_queue_is_503_with_when_to_come_back_and_loses_nothing(serve: Any) -> None:
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
    refused(late, 503, "8 images wait already")
    assert int(late.headers["retry-after"]) >= 1
    assert [response.status_code for response in taken] == [200, 200]
    assert served.predict(picture()).status_code == 200
    assert served.count("zoo_requests_total", route="/predict", status="503") == 1


def test_too_many_requests_and_too_many_bytes_at_once_are_503(serve: Any) -> None:
    for limits, words in (
        (Limits(requests=1), "1 requests are under way"),
        (Limits(held_bytes=len(picture()) + 400), "holds as many images as it may"),
    ):
        served = serve(limits)
        served.model.go_on.clear()

        async def ask(client: httpx.AsyncClient, served: Served = served) -> list[httpx.Response]:
            first = asyncio.ensure_future(client.post("/predict", files=form(picture())))
            while not served.classifier.num_held:
                await asyncio.sleep(0.005)
            late = await client.post("/predict", files=form(picture()))
            served.model.go_on.set()
            return [await first, late, await client.post("/predict", files=form(picture()))]

        first, late, after = served.run(ask)
        refused(late, 503, words)
        assert late.headers["retry-after"] == "1"
        assert (first.status_code, after.status_code) == (200, 200)


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


def test_a_network_that_fails_costs_its_batch_and_is_said_in_the_log_and_by_health(serve: Any) -> None:
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


def test_who_goes_away_makes_room(serve: Any) -> None:
    served = serve(max_batch=1)
    served.model.go_on.clear()
    body = b"".join(PART + picture() + b"\r\n" for _ in range(5)) + b"--x--\r\n"
    left = threading.Event()

    async def go() -> list[Any]:
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            if messages:
                return messages.pop()
            while not served.model.batches:  # until the first of the images is with the network
                await asyncio.sleep(0.005)
            left.set()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=x")]
        scope = {"type": "http", "method": "POST", "path": "/predict", "raw_path": b"/predict", "query_string": b""}
        await served.app(scope | {"headers": headers, "root_path": "", "scheme": "http"}, receive, send)
        return sent

    sent = asyncio.run(go())
    assert left.is_set()
    assert sent[0]["status"] == 499
    served.model.go_on.set()
    served.classifier.close()
    assert len(served.model.batches) == 1


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


@pytest.mark.parametrize("path", ["/predict", "/model", "/metrics"])
@pytest.mark.parametrize("given", [None, "Bearer", "Bearer wrong", "Basic secret", "secret", "Bearer secrets"])
def test_a_token_is_asked_for_where_something_is_told(serve: Any, path: str, given: str | None) -> None:
    served = serve(token=b"secret")
    headers = {} if given is None else {"authorization": given}
    response = served.ask("POST" if path == "/predict" else "GET", path, headers=headers)
    refused(response, 401, "token")
    assert response.headers["www-authenticate"] == "Bearer"


def test_with_the_token_it_is_told_and_health_and_the_pages_need_none(serve: Any) -> None:
    served = serve(token=b"secret")
    assert served.predict(picture(), headers={"authorization": "Bearer secret"}).status_code == 200
    assert served.ask("GET", "/metrics", headers={"authorization": "bearer secret"}).status_code == 200
    for path in ("/", "/docs", "/health", "/openapi.json", "/assets/try.js", "/assets/page.css"):
        assert served.ask("GET", path).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8000", "", "[::2]:1"]
)
def test_a_host_of_another_name_is_refused(serve: Any, host: str) -> None:
    """DNS rebinding: a page whose own name was made to lead here."""
    served = serve(hosts=frozenset({"localhost", "127.0.0.1", "::1"}))
    refused(served.ask("GET", "/health", headers={"host": host}), 400, "Host")
    for own in ("localhost:8000", "127.0.0.1", "[::1]:80", "LOCALHOST"):
        assert served.ask("GET", "/health", headers={"host": own}).status_code == 200


def test_pages_of_other_sites_may_not_ask(serve: Any) -> None:
    served = serve()
    refused(served.predict(picture(), headers={"sec-fetch-site": "cross-site"}), 403, "other sites")
    assert served.predict(picture(), headers={"sec-fetch-site": "same-origin"}).status_code == 200
    assert (
        served.ask("GET", "/", headers={"sec-fetch-site": "cross-site"}).status_code == 200
    )  # a link that is followed


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/none", 404), ("GET", "/predict", 405), ("GET", "/assets/../app.py", 404)]
)
def test_what_is_not_there_is_said_in_json(serve: Any, method: str, path: str, status: int) -> None:
    refused(serve().ask(method, path), status, "/docs")


def test_metrics_tell_requests_latency_batches_the_queue_and_images(serve: Any) -> None:
    served = serve()
    served.predict(picture(), picture())
    served.predict(b"text")
    served.ask("GET", "/made/up")
    text = served.ask("GET", "/metrics")
    assert text.headers["content-type"].startswith("text/plain")
    assert served.count("zoo_requests_total", route="/predict", status="200") == 1
    assert served.count("zoo_requests_total", route="/predict", status="415") == 1
    assert served.count("zoo_requests_total", route="other", status="404") == 1
    assert served.count("zoo_predict_seconds_count") == 1
    assert served.count("zoo_batch_images_sum") == 2
    assert served.count("zoo_images_total", outcome="predicted") == 2
    assert served.count("zoo_images_total", outcome="problem") == 1
    for name in ("zoo_queue_images 0.0", "zoo_requests_under_way 0.0", "zoo_network_seconds_total"):
        assert name in text.text
    assert "made" not in text.text


def test_pages_fetch_nothing_from_elsewhere_and_say_so(serve: Any) -> None:
    served = serve()
    for path in ("/", "/docs", "/assets/try.js", "/assets/api.js", "/assets/page.css"):
        response = served.ask("GET", path)
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        words = response.text.replace("http://www.w3.org/2000/svg", "")
        assert "://" not in words
        assert "innerHTML" not in words
        assert " style=" not in words
        assert "onclick" not in words


def test_openapi_describes_each_route_its_form_and_its_refusals(serve: Any) -> None:
    api = serve().ask("GET", "/openapi.json").json()
    assert set(api["paths"]) == {"/predict", "/model", "/health", "/metrics"}
    predict = api["paths"]["/predict"]["post"]
    schema = predict["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert schema["properties"]["images"]["items"] == {"type": "string", "format": "binary"}
    assert {"200", "400", "401", "408", "413", "415", "422", "500", "503"} <= set(predict["responses"])
    assert predict["parameters"][0]["name"] == "top_k"


def test_the_model_tells_its_classes_and_limits(serve: Any, classifier: TrainedClassifier) -> None:
    told = serve(SMALL).ask("GET", "/model").json()
    assert told["classes"] == ["red", "green", "blue"]
    assert told["limits"]["image_bytes"] == 50_000
    assert told["mean"] == [0, 0, 0]


def test_served_pictures_are_prepared_as_for_the_network(serve: Any) -> None:
    """A turned photograph is turned upright, a transparent one is on white: decoding is that of all else."""
    file = io.BytesIO()
    Image.new("RGBA", (12, 12), (255, 0, 0, 128)).save(file, "PNG")
    (half,) = serve().predict(file.getvalue()).json()
    plain = serve().predict(picture("#ff7f7f")).json()[0]
    assert half["predictions"] == plain["predictions"]
