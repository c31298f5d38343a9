"""The API of ``zoo serve``, held to its own OpenAPI schema by schemathesis: ``tox -e api``.

Requests are made from the schema, valid and not. Every response must have a status, a type and a body that the schema
declares, and none may be an error of the server.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="tox -e api has it")

from hypothesis import HealthCheck, settings  # noqa: E402  # only where schemathesis is

from ..harness.serving.serving_toys import SMALL, Served, colour_classifier  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
EXAMPLES = int(os.environ.get("ZOO_API_EXAMPLES", "100"))
TOKEN = "secret-word"


@pytest.fixture(scope="module")
def statuses() -> Iterator[Counter[str]]:
    """Counts the responses of each route by status, and tells of them at the end."""
    found: Counter[str] = Counter()
    yield found
    print("; ".join(f"{count} × {what}" for what, count in sorted(found.items())))


@pytest.fixture(scope="module")
def api() -> Any:
    served = Served(colour_classifier(), limits=SMALL, max_batch=4, token=TOKEN.encode())
    return schemathesis.openapi.from_asgi("/openapi.json", served.app)


@schemathesis.pytest.from_fixture("api").parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_response_is_one_that_the_schema_declares(case: Any, statuses: Counter[str]) -> None:
    """Random bytes are no image, so that a valid request may be refused for what it holds."""
    response = case.call(headers={"Authorization": f"Bearer {TOKEN}"})
    statuses[f"{case.method} {case.path} {response.status_code}"] += 1
    case.validate_response(response, excluded_checks=[schemathesis.checks.CHECKS.get_one("positive_data_acceptance")])
