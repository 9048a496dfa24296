"""Twilio."""

import base64
from urllib.parse import urlencode

from integrations.capabilities.messages import Accepted, OutboundMessage
from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.facts import ConnectionFacts
from integrations.sandbox.control import SandboxControl
from integrations.sandbox.runner import RunningSandbox
from integrations.twilio.account import Account, ContentTemplate, SentMessage
from integrations.twilio.client import TwilioClient
from tests.integrations.sandbox.asking import ask
from tests.integrations.services.cases import Case, Contract, connection, equals

ACCOUNT = f"AC{1:032x}"
SENDER = "+15005550006"
ANA, RUI = "+5511987654321", "+5511987654322"
sids: list[str] = []  # of the messages that `three_messages` leaves at the sandbox, the newest first


def facts(sandbox: RunningSandbox) -> ConnectionFacts:
    return connection("twilio", sandbox, {"auth_token": "sandbox-auth-token"}, account_sid=ACCOUNT)


def outbound(to: str = ANA) -> OutboundMessage:
    return OutboundMessage(
        reference="4711", idempotency_key="job-1.contact-1.step-1", to=to, sender=SENDER, text="Olá, Ana"
    )


def delivered(control: SandboxControl) -> None:
    control.reset()
    control.set_outcomes({number: {"last": "accepted"} for number in (ANA, RUI)})


async def send(client: TwilioClient) -> Accepted:
    return await client.send(outbound())


def three_messages(control: SandboxControl) -> None:
    """Three messages to two people stand at the sandbox, sent by nobody's client."""
    delivered(control)
    sids.clear()
    login = "Basic " + base64.b64encode(f"{ACCOUNT}:sandbox-auth-token".encode()).decode()
    for to in (ANA, RUI, ANA):
        answer = ask(
            "POST",
            f"{control.base_url('twilio')}/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
            body=urlencode({"To": to, "From": SENDER, "Body": "Olá"}).encode(),
            headers={"content-type": "application/x-www-form-urlencoded", "authorization": login},
        )
        sids.insert(0, answer.json()["sid"])


def fetched(message: SentMessage) -> None:
    assert message == SentMessage(sids[0], ANA, SENDER, "queued", 0, "Olá", message.created_at)
    assert message.created_at is not None


def listed(messages: list[SentMessage]) -> None:
    assert [(each.sid, each.to) for each in messages] == [(sids[0], ANA), (sids[2], ANA)]


def templates(found: list[ContentTemplate]) -> None:
    assert [(each.name, each.language, each.approval) for each in found] == [
        ("novidade", "pt_BR", "approved"),
        ("aviso", "pt_BR", "approved"),
        ("pesquisa", "pt_BR", "pending"),
    ]
    assert found[1].sid == f"HX{2:032x}" and found[1].body == "Olá {{1}}, {{2}}"


def accepted(found: Accepted) -> None:
    assert found.provider_id.startswith("SM")


CONTRACT = Contract(
    slug="twilio",
    connect=facts,
    refused_operation="send",
    refusals={
        "20003": AuthenticationFailed,
        "20005": AuthenticationFailed,
        "20429": RateLimited,
        "20500": TemporaryFailure,
        "21211": Refused,
        "21606": AuthenticationFailed,
        "21610": Refused,
        "21614": Refused,
        "63016": Refused,
        "63018": RateLimited,
        "63024": Refused,
    },
    cases=(
        Case("send", send, accepted, required=("sid",), prepare=delivered, repeated_by_caller=True),
        Case(
            "fetch_message",
            lambda account: account.fetch_message(sids[0]),
            fetched,
            required=("sid", "to", "status"),
            prepare=three_messages,
            module="account",
        ),
        Case(
            "list_messages",
            lambda account: account.list_messages(to=ANA, page=1),
            listed,
            required=("messages", "messages[].sid", "messages[].status"),
            prepare=three_messages,
            module="account",
        ),
        Case(
            "fetch_account",
            lambda account: account.fetch_account(),
            equals(Account(ACCOUNT, "Batuta Sandbox", "active")),
            required=("sid", "status"),
            module="account",
            is_live=True,
        ),
        Case(
            "list_templates",
            lambda account: account.list_templates(page=2),
            templates,
            required=("contents", "contents[].sid", "contents[].friendly_name", "contents[].language"),
            module="account",
            is_live=True,
        ),
        Case(
            "health",
            lambda account: account.look(),
            equals(Account(ACCOUNT, "Batuta Sandbox", "active")),
            required=("status",),
            wire="fetch_account",
            module="account",
            is_live=True,
        ),
    ),
)
