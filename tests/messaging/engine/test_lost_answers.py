"""When an answer is lost: who may be sent to again, and who is unknown because it might be twice."""

import random
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from integrations.capabilities.messages import Recovery
from integrations.errors import AcceptedBefore, IntegrationError, TemporaryFailure
from integrations.operations.connections import create_connection
from messaging.models import Contact, Recipient, Sender
from messaging.operations.claiming import Claimed, claim_chunk
from messaging.operations.leases import settle_expired_leases
from messaging.rules.rendering import Rendered
from messaging.runners.loop import CallLoop
from messaging.runners.outcomes import verdict_of
from messaging.selectors.plans import job_plan
from messaging.states import ChannelKind, MessageKind, RecipientState
from tests.messaging.engine.conftest import ACTOR, World, expire_leases, states

CUT = TemporaryFailure("resend", "send", "timeout", accepted_possible=True)
KNOWN = AcceptedBefore("resend", "send", "invalid_idempotent_request")


@pytest.mark.parametrize(
    ("answer", "recovery", "attempt", "state"),
    [
        (CUT, Recovery.DEDUPE, 1, RecipientState.PENDING),
        (
            CUT,
            Recovery.DEDUPE,
            3,
            RecipientState.UNKNOWN,
        ),  # a dead letter would be tried again when the key is forgotten
        (CUT, Recovery.CALLBACK, 1, RecipientState.UNKNOWN),
        (TemporaryFailure("resend", "send", accepted_possible=False), Recovery.DEDUPE, 3, RecipientState.FAILED),
        (KNOWN, Recovery.DEDUPE, 2, RecipientState.UNKNOWN),
    ],
)
def test_what_becomes_of_a_row(
    answer: IntegrationError, recovery: Recovery, attempt: int, state: RecipientState
) -> None:
    row = Claimed(1, 1, attempt, 1, "ana@example.com", Rendered("", "Oi", "", (), {}))
    found = verdict_of(
        row, answer, recovery=recovery, at=datetime.now(UTC), max_attempts=3, chance=random.Random(1)
    ).outcome
    assert found.state == state


def mail_senders(world: World, accounts: int) -> list[Sender]:
    """Two mailboxes at Resend, in one account or in two."""
    connections = [
        create_connection(
            actor=ACTOR,
            service="resend",
            name=f"Resend {number}",
            client=world.client,
            settings={},
            secrets={"api_key": "re_test", "webhook_secret": "whsec_dGVzdA=="},
        )
        for number in range(accounts)
    ]
    return [
        Sender.objects.create(
            client=world.client,
            connection=connections[number % accounts],
            channel=ChannelKind.EMAIL,
            name=f"Caixa {number}",
            address=f"caixa{number}@padaria.example",
        )
        for number in range(2)
    ]


@pytest.mark.parametrize(("accounts", "fate"), [(1, {"pending": 2}), (2, {"unknown": 2})])
def test_a_lost_process_is_made_up_for_only_where_one_account_knows_the_key(
    world: World, accounts: int, fate: dict[str, int]
) -> None:
    senders = mail_senders(world, accounts)
    people = Contact.objects.bulk_create(
        Contact(client=world.client, name="Ana", email=f"ana{number}@example.com") for number in range(2)
    )
    job = world.job(
        people,
        channel=ChannelKind.EMAIL,
        kind=MessageKind.SINGLE,
        sender_ids=[sender.pk for sender in senders],
        template_version=None,
        subject="Oi",
        text="Olá",
    )
    plan = job_plan(job.pk)
    assert plan.one_account is (accounts == 1)
    claim_chunk(plan=plan, grants={sender.pk: 1 for sender in senders}, now=datetime.now(UTC))
    assert Recipient.objects.filter(job=job, state=RecipientState.LEASED).count() == 2
    expire_leases()
    assert settle_expired_leases() == fate


def test_a_row_whose_sender_is_gone_is_not_taken_for_one_that_never_had_any(world: World) -> None:
    job = world.job(world.people(2))
    claim_chunk(plan=job_plan(job.pk), grants={world.senders[0].pk: 2}, now=datetime.now(UTC))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM messaging_sender WHERE id = %s", [world.senders[0].pk])
    expire_leases()
    assert settle_expired_leases() == {"unknown": 2}


class JustMissed:
    """Answers that come at the very instant in which waiting for them gives up."""

    def __init__(self, answers: "Future[Any]") -> None:
        self.answers = answers

    def done(self) -> bool:
        return self.answers.done()

    def result(self, timeout: float | None = None) -> Any:
        if timeout is not None:
            self.answers.exception(10)
            raise TimeoutError
        return self.answers.result()


def test_answers_that_come_while_waiting_gives_up_are_recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = world.job(world.people(5))
    submit = CallLoop.submit
    monkeypatch.setattr(CallLoop, "submit", lambda self, work: JustMissed(submit(self, work)))
    assert world.send(job) == 5
    assert states(job) == {"sent": 5}
