"""What Telegram needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done

MANIFEST = Manifest(
    slug="telegram",
    title="Telegram",
    category=Category.MESSAGES,
    capabilities=("team_messages",),
    channels=(),
    purpose=_("Messages, documents and buttons from a bot to people and groups that have started it."),
    settings=(
        Setting(
            "bot_token",
            _("Bot token"),
            _("BotFather shows it when the bot is made; /token shows it again"),
            secret=True,
            example="123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11",
        ),
        Setting(
            "webhook_secret",
            _("Webhook secret"),
            _(
                "Make one up: 16 to 256 letters, digits, _ and -. Telegram repeats it with each delivery, which proves who sent it"
            ),
            secret=True,
            example="a-long-random-text",
        ),
        Setting(
            "base_url",
            _("Address of the API"),
            _("Change it only for a proxy or a test server"),
            required=False,
            default="https://api.telegram.org",
            sandboxed=True,
        ),
    ),
    operations=(
        Operation("send_message", Effect.CREATES),
        Operation("send_document", Effect.CREATES),
        Operation("edit_message", Effect.SETS),
        Operation("set_webhook", Effect.SETS),
        Operation("get_updates", Effect.READS),
        Operation("get_chat", Effect.READS),
        Operation("health", Effect.READS),
    ),
    policy=CallPolicy(timeout=60.0, quotas=(Quota(Span.MINUTE, 1_500),)),
    rate_limits=(
        _("30 messages a second in all"),
        _("1 message a second to one chat"),
        _("20 messages a minute to one group"),
    ),
    webhook=True,
    webhook_help=_(
        "Telegram has no page for it. Open once: https://api.telegram.org/bot<token>/setWebhook?url=<this address>&secret_token=<webhook secret>"
    ),
    costs=(Cost("call", "0", "USD", _("bots are free")),),
    docs_url="https://core.telegram.org/bots/api",
    checks=Checks(
        timeout=done,
        typed_errors=done,
        sandbox=done,
        contract_test=done,
        webhook_signature=done,
        replay_safety=done,
        health=done,
        secret_masking=done,
        payload_samples=done,
        cost=done,
    ),
)
