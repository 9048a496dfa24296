"""WhatsApp Cloud API."""

from integrations.capabilities.messages import Accepted, OutboundMessage, TemplateCall
from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.sandbox.control import SandboxControl
from integrations.whatsapp_cloud.account import PhoneNumber, Template
from integrations.whatsapp_cloud.client import WhatsAppCloudClient
from tests.integrations.services.cases import Case, Contract, connection, equals

SECRETS = {"access_token": "sandbox-token", "app_secret": "sandbox-app-secret", "verify_token": "verify"}
NUMBER = "100000000000001"
BODY = {"type": "BODY", "text": "Olá {{1}}, seu pedido saiu"}


def delivered(control: SandboxControl) -> None:
    control.reset()
    control.set_outcome("+5511987654321", "sent")


async def send(client: WhatsAppCloudClient) -> Accepted:
    return await client.send(
        OutboundMessage(
            reference="4711",
            idempotency_key="job-1.contact-1.step-1",
            to="+5511987654321",
            sender=NUMBER,
            template=TemplateCall("aviso", "pt_BR", ("Ana", "seu pedido saiu")),
        )
    )


def accepted(found: Accepted) -> None:
    assert found.provider_id.startswith("wamid.")


def shelf(found: list[Template]) -> None:
    assert [(each.name, each.language, each.category, each.status) for each in found] == [
        ("hello_world", "en_US", "UTILITY", "APPROVED"),
        ("novidade", "pt_BR", "MARKETING", "APPROVED"),
        ("aviso", "pt_BR", "UTILITY", "APPROVED"),
    ]
    assert found[2].body == "Olá {{1}}, {{2}}"


def made(found: Template) -> None:
    assert found == Template(found.id, "pedido_saiu", "pt_BR", "UTILITY", "APPROVED", BODY["text"])
    assert found.id.isdigit()


def uploaded(media_id: str) -> None:
    assert media_id.isdigit()


def rated(numbers: list[PhoneNumber]) -> None:
    ours = [each for each in numbers if each.id.startswith("10000000000000")]
    assert ours[:3] == [PhoneNumber(f"10000000000000{last}", f"+55 11 4000-000{last}", "GREEN") for last in (1, 2, 3)]


CONTRACT = Contract(
    slug="whatsapp_cloud",
    connect=lambda sandbox: connection("whatsapp_cloud", sandbox, SECRETS, business_account_id="200000000000001"),
    refused_operation="send",
    refusals={
        "4": RateLimited,
        "10": AuthenticationFailed,
        "100": Refused,
        "190": AuthenticationFailed,
        "368": AuthenticationFailed,
        "80007": RateLimited,
        "130429": RateLimited,
        "131000": TemporaryFailure,
        "131016": TemporaryFailure,
        "131026": Refused,
        "131031": AuthenticationFailed,
        "131042": AuthenticationFailed,
        "131047": Refused,
        "131049": Refused,
        "131050": Refused,
        "131056": RateLimited,
        "132001": Refused,
        "132015": Refused,
    },
    cases=(
        Case(
            "send", send, accepted, required=("messages", "messages[].id"), prepare=delivered, repeated_by_caller=True
        ),
        Case(
            "list_templates",
            lambda account: account.list_templates(page=2),
            shelf,
            required=(
                "data",
                "data[].id",
                "data[].name",
                "data[].language",
                "data[].category",
                "data[].status",
                "paging.cursors.after",
            ),
            prepare=delivered,
            module="account",
            is_live=True,
        ),
        Case(
            "create_template",
            lambda account: account.create_template("pedido_saiu", "pt_BR", "UTILITY", [BODY]),
            made,
            required=("id", "status", "category"),
            prepare=delivered,
            module="account",
        ),
        Case(
            "upload_media",
            lambda account: account.upload_media(NUMBER, b"%PDF-1.7", "application/pdf", filename="proposta.pdf"),
            uploaded,
            required=("id",),
            module="account",
        ),
        Case(
            "list_phone_numbers",
            lambda account: account.list_phone_numbers(),
            rated,
            required=("data", "data[].id", "data[].display_phone_number"),
            module="account",
            is_live=True,
        ),
        Case(
            "portfolio_limit",
            lambda account: account.portfolio_limit(NUMBER),
            equals("TIER_UNLIMITED"),
            required=("whatsapp_business_manager_messaging_limit",),
            module="account",
        ),
        Case(
            "health",
            lambda account: account.look(),
            rated,
            required=("data", "data[].id"),
            wire="list_phone_numbers",
            module="account",
            is_live=True,
        ),
    ),
)
