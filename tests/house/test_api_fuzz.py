"""The API, fuzzed from its own OpenAPI document: no 5xx, no answer that the document does not list."""

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from agency.api.root import api
from agency.states import Role
from tests.worlds import World, make_person, make_token, make_world

EXAMPLES = int(os.environ.get("BATUTA_FUZZ_EXAMPLES", "10"))  # for valid and for invalid requests each
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
DOCUMENT = api.get_openapi_schema(path_prefix="/api/v1")
OPERATIONS = [(method, path) for path, operations in DOCUMENT["paths"].items() for method in operations]


@pytest.fixture
def program(settings: Any) -> tuple[World, str]:
    """A world and the token of somebody who may do everything in it."""
    cache.clear()
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    world = make_world()
    make_world("outro", "Outro")
    return world, make_token(make_person("ana", Role.ACCOUNT_MANAGER, world.client))[1]


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """The application runs inside the test's transaction, as under Django's own test client: requests do not close its connection."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.django_db
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_operation(program: tuple[World, str], method: str, path: str, mode: GenerationMode) -> None:
    world, secret = program
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", get_wsgi_application())
    operation = schema[path][method.upper()]
    known = {
        "contact_id": world.contact.pk,
        "import_id": world.contact_import.pk,
        "template_id": world.template.pk,
        "sender_id": world.sender.pk,
        "message_id": world.message.pk,
        "campaign_id": world.campaign.pk,
        "execution_id": world.execution.pk,
    }

    @hypothesis.seed(2026)
    @hypothesis.settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode), mine=hypothesis.strategies.booleans())
    def fuzz(case: Any, mine: bool) -> None:
        if mine:  # half of the cases reach a record that exists
            case.path_parameters = {
                name: known.get(name, value) for name, value in (case.path_parameters or {}).items()
            }
        case.call_and_validate(checks=list(CHECKS), headers={"Authorization": f"Bearer {secret}"})

    fuzz()
