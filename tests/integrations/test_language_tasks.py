"""Declared tasks: who does them, who stands in, what waits for a person."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from pytest_django import Settings

from agency.models import AuditEntry, Client, User
from integrations.capabilities.language.model import wire_schema
from integrations.capabilities.language.tasks import MailMessage, Qualification, TrendDigest, tasks
from integrations.capabilities.language.writing import WaitsForPerson, embed, write
from integrations.chains import chains
from integrations.connections import seal_secrets
from integrations.models import ChainAttempt, Connection, ModelRequest
from integrations.sandbox.model_answers import is_strict
from integrations.sandbox.runner import RunningSandbox
from integrations.states import ModelRequestState
from tests.integrations.services.conftest import quick_calls  # noqa: F401 -- the fixture

pytestmark = pytest.mark.django_db

KEYS = {"anthropic": "sk-ant-sandbox", "openai": "sk-proj-sandbox", "gemini": "AIzaSySandbox"}


@pytest.fixture
def connected(sandbox: RunningSandbox, settings: Settings) -> Iterator[RunningSandbox]:
    """The agency's own account at each of the three."""
    settings.SANDBOX_URL = sandbox.url
    for service, key in KEYS.items():
        Connection.objects.create(service=service, name=service, sealed_secrets=seal_secrets({"api_key": key}))
    yield sandbox


def facts_of(task: str) -> dict[str, Any]:
    return {name: "pt-BR" if name == "language" else f"the {name}" for name in tasks()[task].facts}


def asked() -> list[str]:
    return list(ChainAttempt.objects.order_by("pk").values_list("connection__service", flat=True))


@pytest.mark.parametrize(
    ("task", "shape", "first"),
    [
        ("lead_qualification", Qualification, "openai"),
        ("sales_message_email", MailMessage, "anthropic"),
        ("trend_digest", TrendDigest, "gemini"),
    ],
)
def test_each_kind_of_task_begins_with_its_own_service(
    connected: RunningSandbox, task: str, shape: type, first: str
) -> None:
    written = write(task, facts_of(task))
    assert type(written.content) is shape
    assert (written.task, written.version, written.service) == (task, 1, first)
    assert asked() == [first]


@pytest.mark.parametrize("name", tasks())
def test_every_task_has_a_chain_a_strict_schema_and_the_language(name: str) -> None:
    task = tasks()[name]
    assert task.chain in chains()
    assert is_strict(wire_schema(task.shape))
    assert "language" in task.facts


def test_a_service_that_is_down_or_timed_out_is_stood_in_for(connected: RunningSandbox) -> None:
    with (
        connected.control.fault("refuse", service="anthropic", operation="complete", code="overloaded_error"),
        connected.control.fault("hang_after", service="openai", operation="complete", seconds=30.0),
    ):
        written = write("content", facts_of("content"))
    assert written.service == "gemini"
    assert asked() == ["anthropic", "openai", "gemini"]
    assert list(ChainAttempt.objects.order_by("pk").values_list("may_have_happened", flat=True)) == [False, True, True]


def test_prompts_get_exactly_the_declared_facts(connected: RunningSandbox) -> None:
    given = facts_of("content")
    with pytest.raises(ValueError, match="wrong: cpf"):
        write("content", {**given, "cpf": "123.456.789-09"})
    given.pop("topic")
    with pytest.raises(ValueError, match="wrong: topic"):
        write("content", given)
    assert asked() == []


def test_what_nobody_answers_waits_and_the_same_occasion_is_done_once(
    connected: RunningSandbox, client: Browser
) -> None:
    owner = Client.objects.create(name="Zanzibar", slug="zanzibar")
    given = facts_of("content")

    def again() -> Any:
        return write("content", given, client_id=owner.pk, key="A1:client:1")

    faults = [
        connected.control.add_fault("refuse", service="anthropic", operation="complete", code="authentication_error"),
        connected.control.add_fault("refuse", service="openai", operation="complete", code="insufficient_quota"),
        connected.control.add_fault("refuse", service="gemini", operation="complete", code="PERMISSION_DENIED"),
    ]
    waiting = []
    for _number in range(2):
        with pytest.raises(WaitsForPerson) as raised:
            again()
        waiting.append(raised.value.request_id)
    request = ModelRequest.objects.get()
    assert waiting == [request.pk, request.pk]
    assert (request.state, request.facts, request.client) == (ModelRequestState.WAITING, given, owner)
    assert "insufficient_quota" in request.error

    client.force_login(User.objects.create_superuser("root@example.com", "root@example.com", password="irrelevant"))
    button = reverse("admin:integrations_modelrequest_change_do", args=(request.pk, "try-again"))
    assert "insufficient_quota" in client.post(button).content.decode()
    for fault in faults:
        connected.control.remove_fault(fault)
    assert client.post(button).status_code == 302
    request.refresh_from_db()
    assert (request.state, request.facts, request.service) == (ModelRequestState.DONE, {}, "anthropic")
    before = asked()
    assert again().content.model_dump(mode="json") == request.answer
    assert asked() == before
    said = AuditEntry.objects.filter(subject_type="integrations.ModelRequest", subject_id=request.pk).order_by("pk")
    assert list(said.values_list("action", flat=True)) == [
        "hold_model_request",
        "fail_model_request",
        "finish_model_request",
    ]


def test_a_waiting_request_is_dropped_with_its_facts(client: Browser) -> None:
    with pytest.raises(WaitsForPerson) as raised:
        write("content", facts_of("content"))
    client.force_login(User.objects.create_superuser("root@example.com", "root@example.com", password="irrelevant"))
    request_id = raised.value.request_id
    button = reverse("admin:integrations_modelrequest_change_do", args=(request_id, "drop"))
    assert client.post(button).status_code == 302
    request = ModelRequest.objects.get(pk=request_id)
    assert (request.state, request.facts) == (ModelRequestState.DROPPED, {})


def test_vectors_are_all_of_one_model_which_the_result_names(connected: RunningSandbox) -> None:
    usual = embed(["one", "two"])
    with connected.control.fault("refuse", service="openai", operation="embed", code="server_error"):
        other = embed(["one", "two"])
    assert (usual.model, [len(vector) for vector in usual.vectors]) == ("text-embedding-3-small", [1536, 1536])
    assert (other.model, [len(vector) for vector in other.vectors]) == ("gemini-embedding-2", [3072, 3072])
