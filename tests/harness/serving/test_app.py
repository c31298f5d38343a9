"""The app: routes, queries and the API description."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from harness.classifiers.trained import TrainedClassifier

from .serving_toys import PART, SMALL, picture, refused


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
def test_an_invalid_query_is_reported(serve: Any, query: str, words: tuple[str, ...]) -> None:
    refused(serve().predict(picture(), path=f"/predict?{query}"), 422, *words)


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


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/none", 404), ("GET", "/predict", 405), ("GET", "/assets/../app.py", 404)]
)
def test_missing_values_are_explicit_in_json(serve: Any, method: str, path: str, status: int) -> None:
    refused(serve().ask(method, path), status, "/docs")


def test_openapi_describes_each_route_its_form_and_its_refusals(serve: Any) -> None:
    api = serve().ask("GET", "/openapi.json").json()
    assert set(api["paths"]) == {"/predict", "/explain", "/model", "/health", "/metrics"}
    predict = api["paths"]["/predict"]["post"]
    schema = predict["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert schema["properties"]["images"]["items"] == {"type": "string", "format": "binary"}
    assert {"200", "400", "401", "408", "413", "415", "422", "500", "503"} <= set(predict["responses"])
    assert predict["parameters"][0]["name"] == "top_k"


def test_openapi_declares_put_and_the_token_where_one_is_required(serve: Any) -> None:
    api = serve(token=b"secret").ask("GET", "/openapi.json").json()
    assert set(api["paths"]["/predict"]) == {"post", "put"}
    (scheme,) = api["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    guarded = {path for path, methods in api["paths"].items() if all("security" in each for each in methods.values())}
    assert guarded == {"/predict", "/explain", "/model", "/metrics"}
    assert "securitySchemes" not in serve().ask("GET", "/openapi.json").json()["components"]


def test_the_model_reports_its_classes_and_limits(serve: Any, classifier: TrainedClassifier) -> None:
    told = serve(SMALL).ask("GET", "/model").json()
    assert told["classes"] == ["red", "green", "blue"]
    assert told["limits"]["image_bytes"] == 50_000
    assert told["mean"] == [0, 0, 0]
