"""Slack."""

from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.slack.client import Channel, PostedMessage, SlackClient
from tests.integrations.services.cases import Case, Contract, connection, equals

SECRETS = {"bot_token": "xoxb-sandbox", "signing_secret": "sandbox-signing-secret"}


def change(client: SlackClient) -> tuple[PostedMessage, PostedMessage]:
    """Post, then change what was posted."""
    posted = client.post_message("C0ALERTAS", "CPA above target", blocks=[{"type": "divider"}])
    return posted, client.update_message(posted, "CPA above target: acknowledged by Ana")


def posted(message: PostedMessage) -> None:
    assert message.channel == "C0ALERTAS"
    assert float(message.ts) > 1_700_000_000


def changed(messages: tuple[PostedMessage, PostedMessage]) -> None:
    assert messages[0] == messages[1]


CONTRACT = Contract(
    slug="slack",
    connect=lambda sandbox: connection("slack", sandbox, SECRETS),
    refused_operation="post_message",
    refusals={
        "channel_not_found": Refused,
        "msg_too_long": Refused,
        "invalid_auth": AuthenticationFailed,
        "missing_scope": AuthenticationFailed,
        "ratelimited": RateLimited,
        "internal_error": TemporaryFailure,
    },
    cases=(
        Case(
            "post_message",
            lambda client: client.post_message("C0ALERTAS", "CPA above target"),
            posted,
            required=("channel", "ts"),
        ),
        Case("update_message", change, changed, required=("channel", "ts"), writes=2),
        Case(
            "find_user",
            lambda client: (client.find_user("ana@example.com"), client.find_user("nobody@example.com")),
            equals(("U0ANA", None)),
            required=("user.id",),
            is_live=True,
        ),
        Case(
            "open_direct_message",
            lambda client: client.open_direct_message("U0ANA"),
            equals("D0ANA"),
            required=("channel.id",),
        ),
        Case(
            "list_channels",
            lambda client: client.list_channels(),
            equals(
                [
                    Channel("C0GENERAL", "geral", True),
                    Channel("C0ALERTAS", "alertas", True),
                    Channel("C0FINANCE", "financeiro", False),
                ]
            ),
            required=("channels", "channels[].id", "channels[].name"),
            is_live=True,
        ),
        Case("health", lambda client: client.identity(), equals("sandbox / batuta"), required=("team",), is_live=True),
    ),
)
