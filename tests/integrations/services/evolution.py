"""Evolution API."""

from integrations.capabilities.messages import Accepted, OutboundMessage, TemplateCall
from integrations.errors import AuthenticationFailed, Refused, TemporaryFailure
from integrations.evolution.account import (
    EvolutionAccount,
    Existence,
    Instance,
    NewInstance,
    Pairing,
    Subscription,
)
from integrations.evolution.client import EvolutionClient
from integrations.facts import ConnectionFacts
from integrations.sandbox.control import SandboxControl
from integrations.sandbox.runner import RunningSandbox
from tests.integrations.sandbox.asking import ask
from tests.integrations.services.cases import Case, Contract, connection, equals

SECRETS = {"api_key": "sandbox-evolution-key", "webhook_token": "hook-token"}
ANA, NOBODY = "+5511987654321", "+5511987654322"


def facts(sandbox: RunningSandbox) -> ConnectionFacts:
    return connection("evolution", sandbox, SECRETS)


def outbound(sender: str = "sandbox-1", **content: object) -> OutboundMessage:
    fields = {"text": "Olá, Ana", **content}
    return OutboundMessage("4711", "job-1.contact-1.step-1", ANA, sender, **fields)  # type: ignore[arg-type]


def delivered(control: SandboxControl) -> None:
    control.reset()
    control.set_outcomes({ANA: {"last": "sent"}, NOBODY: {"last": "failed", "code": "not_registered"}})
    control.open_account("evolution", name="business", integration="WHATSAPP-BUSINESS", number="5511400000013")


def logged_out(control: SandboxControl) -> None:
    delivered(control)
    path = f"{control.base_url('evolution')}/instance/logout/sandbox-2"
    assert ask("DELETE", path, headers={"apikey": SECRETS["api_key"]}).status == 200


async def send_text(client: EvolutionClient) -> Accepted:
    return await client.send(outbound())


async def send_media(client: EvolutionClient) -> Accepted:
    return await client.send(outbound(media_url="https://cdn.example.com/proposta.pdf"))


async def send_template(client: EvolutionClient) -> Accepted:
    return await client.send(outbound("business", text="", template=TemplateCall("aviso", "pt_BR", ("Ana", "saiu"))))


def accepted(found: Accepted) -> None:
    assert found.provider_id.startswith(("3EB0", "wamid."))


def listed(found: list[Instance]) -> None:
    assert {Instance("sandbox-1", "open"), Instance("sandbox-2", "open")} <= set(found)


def paired(found: Pairing) -> None:
    assert not found.is_open
    assert found.qr.startswith("data:image/png;base64,")


def made(found: NewInstance) -> None:
    assert (found.name, found.token) == ("nova", "token-nova")
    assert len(found.id) == 36 and found.token not in repr(found)


def log_out(account: EvolutionAccount) -> str:
    account.logout_instance("sandbox-2")
    return account.connection_state("sandbox-2")


def delete(account: EvolutionAccount) -> bool:
    account.delete_instance("sandbox-2")
    return "sandbox-2" in {each.name for each in account.list_instances()}


CONTRACT = Contract(
    slug="evolution",
    connect=facts,
    refused_operation="send",
    refusals={
        "400": TemporaryFailure,
        "401": AuthenticationFailed,
        "404": AuthenticationFailed,
        "500": TemporaryFailure,
        "not_registered": Refused,
    },
    cases=(
        Case("send", send_text, accepted, required=("key", "key.id"), prepare=delivered, repeated_by_caller=True),
        Case("send", send_media, accepted, required=("key.id",), prepare=delivered, repeated_by_caller=True),
        Case("send", send_template, accepted, required=("key.id",), prepare=delivered, repeated_by_caller=True),
        Case(
            "check_numbers",
            lambda account: account.check_numbers("sandbox-1", [ANA, NOBODY]),
            equals(
                [
                    Existence(ANA, True, "5511987654321@s.whatsapp.net"),
                    Existence(NOBODY, False, "5511987654322@s.whatsapp.net"),
                ]
            ),
            required=("[].exists", "[].number"),
            prepare=delivered,
            module="account",
        ),
        Case(
            "list_instances",
            lambda account: account.list_instances(),
            listed,
            required=("[].name", "[].connectionStatus"),
            prepare=delivered,
            module="account",
            is_live=True,
        ),
        Case(
            "connection_state",
            lambda account: account.connection_state("sandbox-1"),
            equals("open"),
            required=("instance.state",),
            module="account",
        ),
        Case(
            "connect",
            lambda account: account.connect("sandbox-2"),
            paired,
            required=("base64",),
            prepare=logged_out,
            module="account",
        ),
        Case(
            "create_instance",
            lambda account: account.create_instance("nova", number="+5511400000014"),
            made,
            required=("instance.instanceName", "instance.instanceId", "hash"),
            prepare=delivered,
            module="account",
        ),
        Case("logout_instance", log_out, equals("close"), required=("status",), prepare=delivered, module="account"),
        Case("delete_instance", delete, equals(False), required=("status",), prepare=delivered, module="account"),
        Case(
            "set_webhook",
            lambda account: account.set_webhook("sandbox-1", url="https://batuta.example.com/webhooks/evolution/key"),
            equals(Subscription("https://batuta.example.com/webhooks/evolution/key", True)),
            required=("url",),
            module="account",
        ),
        Case(
            "health",
            lambda account: account.look(),
            listed,
            required=("[].name",),
            wire="list_instances",
            prepare=delivered,
            module="account",
            is_live=True,
        ),
    ),
)
