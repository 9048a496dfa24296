"""Resend."""

from datetime import UTC, datetime, timedelta

from integrations.capabilities.messages import Accepted, OutboundMessage
from integrations.errors import AcceptedBefore, AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.resend.account import Domain, Email, ResendAccount
from integrations.resend.client import ResendClient
from integrations.sandbox.control import SandboxControl
from tests.integrations.services.cases import Case, Contract, connection, equals

SECRETS = {"api_key": "re_sandbox", "webhook_secret": "whsec_c2FuZGJveC1zaWduaW5nLXNlY3JldA=="}
TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
LATER = TOMORROW + timedelta(hours=2)


def message(number: int = 1) -> OutboundMessage:
    return OutboundMessage(
        reference=str(4710 + number),
        idempotency_key=f"job-1.contact-{number}.step-1",
        to=f"ana{number}@example.com",
        sender="Loja Ana <loja@example.com>",
        subject="Novidades para você",
        text="Olá, Ana",
    )


def delivered(control: SandboxControl) -> None:
    control.reset()
    control.set_outcomes({message(number).to: {"last": "sent"} for number in (1, 2)})


async def send(client: ResendClient) -> Accepted:
    return await client.send(message())


def move(account: ResendAccount) -> Email:
    held = account.schedule(message(), TOMORROW)
    account.reschedule(held.provider_id, LATER)
    return account.fetch(held.provider_id)


def moved(email: Email) -> None:
    assert (email.to, email.last_event, email.scheduled_at) == (("ana1@example.com",), "scheduled", LATER)


def cancel(account: ResendAccount) -> Email:
    held = account.schedule(message(), TOMORROW)
    account.cancel(held.provider_id)
    return account.fetch(held.provider_id)


def cancelled(email: Email) -> None:
    assert email.last_event == "canceled"


def send_and_fetch(account: ResendAccount) -> tuple[Accepted, Email]:
    accepted = account.send_batch([message()], idempotency_key="batch-2")[0]
    return accepted, account.fetch(accepted.provider_id)


def fetched(found: tuple[Accepted, Email]) -> None:
    accepted, email = found
    assert (email.id, email.sender, email.subject) == (accepted.provider_id, message().sender, message().subject)
    assert email.scheduled_at is None


def accepted(found: Accepted) -> None:
    assert len(found.provider_id) == 36


def both(found: list[Accepted]) -> None:
    assert len({each.provider_id for each in found}) == 2


CONTRACT = Contract(
    slug="resend",
    connect=lambda sandbox: connection("resend", sandbox, SECRETS),
    refused_operation="send",
    refusals={
        "validation_error": Refused,
        "missing_required_field": Refused,
        "invalid_idempotency_key": Refused,
        "invalid_idempotent_request": AcceptedBefore,
        "concurrent_idempotent_requests": TemporaryFailure,
        "rate_limit_exceeded": RateLimited,
        "daily_quota_exceeded": AuthenticationFailed,
        "monthly_quota_exceeded": AuthenticationFailed,
        "invalid_api_key": AuthenticationFailed,
        "restricted_api_key": AuthenticationFailed,
        "internal_server_error": TemporaryFailure,
    },
    cases=(
        Case("send", send, accepted, required=("id",), prepare=delivered, repeated_by_caller=True),
        Case(
            "send_batch",
            lambda account: account.send_batch([message(1), message(2)], idempotency_key="batch-1"),
            both,
            required=("data", "data[].id"),
            prepare=delivered,
            writes=2,
            module="account",
        ),
        Case(
            "schedule",
            lambda account: account.schedule(message(), TOMORROW),
            accepted,
            required=("id",),
            wire="send",
            prepare=delivered,
            module="account",
        ),
        Case("reschedule", move, moved, required=("id",), prepare=delivered, writes=2, module="account"),
        Case("cancel", cancel, cancelled, required=("id",), prepare=delivered, writes=2, module="account"),
        Case(
            "fetch",
            send_and_fetch,
            fetched,
            required=("id", "to", "from", "last_event"),
            prepare=delivered,
            writes=1,
            module="account",
        ),
        Case(
            "list_domains",
            lambda account: account.list_domains(),
            equals([Domain("cfbff0d1-9375-5685-968c-48ce8b15ae17", "example.com", "verified", "sa-east-1")]),
            required=("data", "data[].id", "data[].name", "data[].status"),
            module="account",
            is_live=True,
        ),
        Case(
            "health",
            lambda account: account.unverified_domains(),
            equals([]),
            required=("data", "data[].name", "data[].status"),
            wire="list_domains",
            module="account",
            is_live=True,
        ),
    ),
)
