"""Notion's webhooks: the token that comes first, then signed signals. Samples are from developers.notion.com."""

import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.models import AuditEntry
from integrations.connections import facts_of
from integrations.events import SecretEvent, ServiceEvent
from integrations.inbound import deliver
from integrations.models import Connection, InboundEvent
from integrations.notion.webhook import event_id, parse, verify
from integrations.operations.connections import create_connection
from integrations.operations.given_secrets import show_given_secret
from integrations.runners.dispatching import dispatch_inbound
from integrations.sandbox.runner import RunningSandbox
from integrations.states import InboundState
from integrations.webhooks.request import BadSignature, UnreadablePayload, WebhookRequest
from tests.integrations.sandbox.receiver import Receiver
from tests.integrations.webhooks.deliveries import JSON, as_delivery, delivery, facts, sample

TOKEN = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"
KNOWN = facts("notion", token="ntn_1", verification_token=TOKEN)
NEW = facts("notion", token="ntn_1")
FIRST = sample("notion", "verification")
UPDATED = sample("notion", "page_content_updated")
PERSON = Actor.system("tests")


def signed(body: bytes, token: str = TOKEN) -> WebhookRequest:
    digest = hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
    return delivery(body, {**JSON, "X-Notion-Signature": f"sha256={digest}"})


def test_what_the_token_signed_is_accepted() -> None:
    verify(signed(UPDATED), KNOWN)
    verify(signed(b"{}"), KNOWN)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(signed(UPDATED, "secret_other"), id="another token"),
        pytest.param(delivery(UPDATED + b" ", signed(UPDATED).headers), id="altered body"),
        pytest.param(delivery(UPDATED, JSON), id="no signature"),
        pytest.param(delivery(UPDATED, {**JSON, "x-notion-signature": "sha256="}), id="empty signature"),
        pytest.param(delivery(b'{"verification_token":"secret_other"}', JSON), id="a token when one is known"),
    ],
)
def test_anything_else_is_refused(request_: WebhookRequest) -> None:
    with pytest.raises(BadSignature):
        verify(request_, KNOWN)


def test_the_first_token_is_taken_unsigned_and_the_same_one_again() -> None:
    verify(delivery(FIRST, JSON), NEW)
    verify(delivery(FIRST, JSON), KNOWN)
    assert parse(FIRST, "application/json", {}) == [SecretEvent("verification_token", TOKEN)]
    assert TOKEN not in event_id(delivery(FIRST, JSON))
    assert TOKEN not in repr(parse(FIRST, "application/json", {}))


@pytest.mark.parametrize(
    "body",
    [UPDATED, b"", b"[]", b'{"verification_token":"secret_a","type":"page.deleted"}', b'{"verification_token":""}'],
)
def test_without_a_token_nothing_but_a_token_is_taken(body: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(delivery(body, JSON), NEW)
    with pytest.raises(BadSignature):  # not even what an empty token would have signed
        verify(signed(body, ""), NEW)


def test_a_changed_page_is_a_signal_to_read_it_again() -> None:
    assert event_id(signed(UPDATED)) == "367cba44-b6f3-4c92-81e7-6a2e9659efd4"
    assert parse(UPDATED, "application/json", {}) == [
        ServiceEvent(
            kind="notion.page.content_updated",
            occurred_at=datetime(2024, 12, 5, 23, 55, 34, 285_000, UTC),
            provider_event_id="367cba44-b6f3-4c92-81e7-6a2e9659efd4",
            subject="153104cd-477e-809d-8dc4-ff2d96ae3090",
            facts={
                "entity": "page",
                "source": "13950b26-c203-4f3b-b97d-93ec06319565",
                "author": "c7c11cca-1d73-471d-9b6e-bdef51470190",
                "author_kind": "person",
            },
        )
    ]
    [event] = parse(sample("notion", "data_source_schema_updated"), "application/json", {})
    assert isinstance(event, ServiceEvent)
    assert (event.kind, event.facts["entity"]) == ("notion.data_source.schema_updated", "data_source")
    assert parse(b"{}", "application/json", {}) == []
    with pytest.raises(UnreadablePayload):
        parse(b"[]", "application/json", {})


def stored(connection: Connection, body: bytes) -> InboundEvent:
    return InboundEvent.objects.create(
        received_on=timezone.now().date(),
        service="notion",
        connection_id=connection.pk,
        provider_event_id=event_id(delivery(body, JSON)),
        content_type="application/json",
        query="",
        body=body,
    )


@pytest.mark.django_db(transaction=True)
def test_the_token_is_sealed_shown_on_demand_and_never_replaced() -> None:
    connection = create_connection(actor=PERSON, service="notion", name="Notion", secrets={"token": "ntn_1"})
    with pytest.raises(OperationRefused):
        show_given_secret(actor=PERSON, connection_id=connection.pk)
    first = stored(connection, FIRST)
    dispatch_inbound(deliver)
    first.refresh_from_db()
    assert (InboundState(first.state), bytes(first.body)) == (InboundState.DONE, b"{}")
    connection.refresh_from_db()
    assert dict(facts_of(connection).secrets) == {"token": "ntn_1", "verification_token": TOKEN}
    assert TOKEN.encode() not in bytes(connection.sealed_secrets)
    assert show_given_secret(actor=PERSON, connection_id=connection.pk) == TOKEN
    another = stored(connection, b'{"verification_token":"secret_other"}')
    dispatch_inbound(deliver)
    another.refresh_from_db()
    assert bytes(another.body) == b"{}"
    assert show_given_secret(actor=PERSON, connection_id=connection.pk) == TOKEN
    entries = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert entries[-4:] == ["create_connection", "keep_given_secret", "show_given_secret", "show_given_secret"]
    assert not any(TOKEN in str(entry.after) for entry in AuditEntry.objects.all())


def test_what_the_sandbox_sends_is_accepted_and_read(sandbox: RunningSandbox, receiver: Receiver) -> None:
    sandbox.control.open_account("notion", verification_token=TOKEN, webhook_url=f"{receiver.url}/webhooks/notion/key")
    sandbox.control.happen("notion", "verification")
    [told] = receiver.wait_for(1)
    verify(as_delivery(told), NEW)
    assert parse(told.body, "application/json", {}) == [SecretEvent("verification_token", TOKEN)]
    happened = sandbox.control.happen("notion", "page.properties_updated", page="p-1", source="s-1")
    changed = as_delivery(receiver.wait_for(2)[1])
    verify(changed, KNOWN)
    with pytest.raises(BadSignature):
        verify(changed, facts("notion", verification_token="secret_other"))
    [event] = parse(changed.body, "application/json", {})
    assert isinstance(event, ServiceEvent)
    assert (event.kind, event.subject, event.facts["source"]) == ("notion.page.properties_updated", "p-1", "s-1")
    assert event_id(changed) == happened["id"]
