"""Telegram."""

from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.telegram.client import Button, Chat, Document, SentMessage, TelegramClient, Updates
from integrations.telegram.errors import ChatMigrated
from tests.integrations.services.cases import Case, Contract, connection, equals

TEAM = "-1001000000001"
SECRETS = {"bot_token": "100000001:sandbox-bot-token", "webhook_secret": "sandbox-webhook-secret"}
REPORT = Document("março.pdf", b"%PDF-1.7\r\n\x00\xff", "application/pdf")


def change(client: TelegramClient) -> tuple[SentMessage, SentMessage]:
    """Ask with buttons, then replace both."""
    asked = client.send_message(TEAM, "CPA above <target>", buttons=[Button("Acknowledge", data="alert:41")])
    return asked, client.edit_message(asked, "CPA above target: acknowledged by Ana")


def changed(messages: tuple[SentMessage, SentMessage]) -> None:
    assert messages[0] == messages[1]


def sent(message: SentMessage) -> None:
    assert message.chat == TEAM
    assert message.message >= 1


def updated(found: Updates) -> None:
    event = found.events[-1]
    assert (event.kind, event.subject, event.facts["text"]) == ("telegram.message", "1111111", "/start abc")
    assert found.next_offset == int(event.provider_event_id) + 1


CONTRACT = Contract(
    slug="telegram",
    connect=lambda sandbox: connection("telegram", sandbox, SECRETS),
    refused_operation="send_message",
    refusals={
        "bad_request": Refused,
        "blocked": Refused,
        "chat_not_found": Refused,
        "text_too_long": Refused,
        "chat_migrated": ChatMigrated,
        "unauthorized": AuthenticationFailed,
        "not_found": AuthenticationFailed,
        "too_many": RateLimited,
        "other_reader": TemporaryFailure,
        "internal": TemporaryFailure,
    },
    cases=(
        Case(
            "send_message",
            lambda client: client.send_message(TEAM, "CPA above target"),
            sent,
            required=("ok", "result", "result.message_id", "result.chat.id"),
        ),
        Case("edit_message", change, changed, required=("ok", "result.message_id", "result.chat.id"), writes=2),
        Case(
            "send_document",
            lambda client: client.send_document(TEAM, REPORT),
            sent,
            required=("ok", "result.message_id", "result.chat.id"),
        ),
        Case(
            "send_document",
            lambda client: client.send_document(TEAM, "https://files.example.com/march.pdf", caption="Março"),
            sent,
            required=("result",),
        ),
        # Before set_webhook: a bot with a webhook gives no updates, and some suites try all cases one after another.
        Case(
            "get_updates",
            lambda client: client.get_updates(),
            updated,
            required=("ok", "result", "result[].update_id"),
            prepare=lambda control: control.happen("telegram", "message", text="/start abc"),
        ),
        Case(
            "set_webhook",
            lambda client: client.set_webhook("https://batuta.example.com/webhooks/telegram/key"),
            equals(None),
            required=("ok", "result"),
        ),
        Case(
            "get_chat",
            lambda client: client.get_chat("1111111"),
            equals(Chat("1111111", "private", "Ana Souza")),
            required=("ok", "result.id", "result.type"),
        ),
        Case(
            "health",
            lambda client: client.identity(),
            equals("@batuta_sandbox_bot"),
            required=("ok", "result.username"),
            is_live=True,
        ),
    ),
)
