"""What Twilio needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done

MANIFEST = Manifest(
    slug="twilio",
    title="Twilio",
    category=Category.MESSAGES,
    capabilities=("messages",),
    channels=("sms", "whatsapp"),
    purpose=_("SMS and WhatsApp messages."),
    settings=(
        Setting("account_sid", _("Account SID"), _("Starts with AC"), example="AC0123456789abcdef0123456789abcdef"),
        Setting("auth_token", _("Auth token"), _("It also signs the webhooks"), secret=True),
        Setting(
            "webhook_shared_key",
            _("Webhook shared key"),
            _("Shared key, if webhooks are signed with one"),
            secret=True,
            required=False,
        ),
        Setting(
            "channel", _("Channel"), _("What this connection sends: sms or whatsapp"), required=False, default="sms"
        ),
        Setting(
            "base_url",
            _("Address of the API"),
            _("Change it only for a proxy or a test server"),
            required=False,
            default="https://api.twilio.com",
            sandboxed=True,
        ),
        Setting(
            "content_url",
            _("Address of the Content API"),
            _("Change it only for a proxy or a test server"),
            required=False,
            default="https://content.twilio.com",
            sandboxed=True,
        ),
    ),
    operations=(
        Operation("send", Effect.CREATES, unit="SMS segment, Brazil"),
        Operation("fetch_message", Effect.READS),
        Operation("list_messages", Effect.READS),
        Operation("fetch_account", Effect.READS),
        Operation("list_templates", Effect.READS),
        Operation("health", Effect.READS),
    ),
    policy=CallPolicy(quotas=(Quota(Span.MINUTE, 600),)),
    rate_limits=(
        _("SMS: 1 message a second on a long number, more on short codes"),
        _("WhatsApp: 10 text messages a second, 50 on request"),
    ),
    webhook=True,
    webhook_help=_("Each message brings its own callback; enter this address for incoming messages of the number."),
    costs=(
        Cost("SMS segment, Brazil", "0.0525", "USD", _("list price of 2026")),
        Cost("WhatsApp message", "0.005", "USD", _("in addition to Meta's price")),
    ),
    docs_url="https://www.twilio.com/docs/messaging/api/message-resource",
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
