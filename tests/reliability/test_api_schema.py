"""The API of ``zoo serve``, held to its own OpenAPI schema by schemathesis: ``tox -e api``.

Requests are made from the schema, valid and not. Every response must have a status, a type and a body that the schema
declares, and none may be an error of the server.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from torch import Tensor, nn

from ..harness.serving.serving_toys import SMALL, Served, colour_classifier

schemathesis = pytest.importorskip("schemathesis", reason="tox -e api has it")

EXAMPLES = int(os.environ.get("ZOO_API_EXAMPLES", "100"))
TOKEN = "secret-word"


class Means(nn.Module):
    """A network that fails on no image, not even on a black one, which schemathesis finds."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.mean(dim=(2, 3))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_every_response_is_one_that_the_schema_declares(mode: Any) -> None:
    """Random bytes are no image, so a valid request may be refused for what it holds."""
    classifier = replace(colour_classifier(), model=Means())
    served = Served(classifier, limits=SMALL, max_batch=4, token=TOKEN.encode())
    api = schemathesis.openapi.from_asgi("/openapi.json", served.app)
    excluded = [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]
    statuses: Counter[str] = Counter()
    for each in api.get_all_operations():
        operation = each.ok()
        if mode is schemathesis.GenerationMode.NEGATIVE and operation.method.upper() == "GET":
            continue  # these routes take nothing that could be wrong

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            response = case.call(headers={"Authorization": f"Bearer {TOKEN}"})
            statuses[f"{case.method} {case.path} {response.status_code}"] += 1
            case.validate_response(response, excluded_checks=excluded)

        ask()
    assert {"POST /predict", "PUT /predict"} <= {what.rpartition(" ")[0] for what in statuses}
    print("; ".join(f"{count} × {what}" for what, count in sorted(statuses.items())))
