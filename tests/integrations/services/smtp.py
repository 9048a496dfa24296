"""SMTP."""

from integrations.capabilities.messages import Accepted, OutboundMessage
from integrations.errors import Refused
from integrations.facts import ConnectionFacts
from integrations.sandbox.control import SandboxControl
from integrations.sandbox.runner import RunningSandbox
from integrations.smtp.client import SmtpClient
from tests.integrations.services.cases import Case, Contract, connection, equals

WORDS = "replies of SMTP are numbers; there is no field to lose"


def facts(sandbox: RunningSandbox) -> ConnectionFacts:
    return connection(
        "smtp",
        sandbox,
        {"password": "sandbox-password"},
        host=sandbox.smtp_host,
        port=str(sandbox.smtp_port),
        security="none",
        username="sandbox",
    )


def delivered(control: SandboxControl) -> None:
    control.reset()
    control.set_outcome("ana@example.com", "sent")


async def send(client: SmtpClient) -> Accepted:
    return await client.send(
        OutboundMessage(
            reference="4711",
            idempotency_key="job-1.contact-1.step-1",
            to="ana@example.com",
            sender="Loja Ana <loja@example.com>",
            subject="Novidades para você",
            text="Olá, Ana",
        )
    )


CONTRACT = Contract(
    slug="smtp",
    connect=facts,
    refused_operation="send",
    refusals={"5.1.1": Refused, "5.2.2": Refused, "5.7.1": Refused},
    impossible=("server_error_after",),  # a 4xx reply to DATA says by RFC 5321 that the message was not accepted
    cases=(
        Case(
            "send",
            send,
            equals(Accepted("job-1.contact-1.step-1@example.com")),
            nothing_required=WORDS,
            prepare=delivered,
            repeated_by_caller=True,
        ),
        Case(
            "verify",
            lambda account: account.verify(),
            equals(None),
            nothing_required=WORDS,
            module="account",
            is_live=True,
        ),
        Case(
            "health",
            lambda account: account.look(),
            equals(None),
            nothing_required=WORDS,
            wire="verify",
            module="account",
            is_live=True,
        ),
    ),
)
