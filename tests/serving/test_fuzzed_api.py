"""Whatever follows the schema, and much that does not, is answered as the schema promises."""

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving_by_colour import ByColour

from dias.serving import ServingConfig, create_app

schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(ByColour(), ServingConfig(wait=0)))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@schema.parametrize()
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_answers_are_those_that_the_schema_promises(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=CHECKS)


def test_the_schema_names_the_endpoints() -> None:
    assert set(schema.raw_schema["paths"]) == {"/segment", "/health", "/ready", "/metrics"}
