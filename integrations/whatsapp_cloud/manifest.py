"""What WhatsApp Cloud API needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done

MANIFEST = Manifest(
    slug="whatsapp_cloud",
    title="WhatsApp Cloud API",
    category=Category.MESSAGES,
    capabilities=("messages",),
    channels=("whatsapp",),
    purpose=_("Official WhatsApp messages through Meta, with approved templates."),
    settings=(
        Setting(
            "business_account_id",
            _("WhatsApp Business account"),
            _("WhatsApp Business account (WABA) that owns the numbers"),
            example="102290129340398",
        ),
        Setting(
            "access_token",
            _("Access token"),
            _("System user token with whatsapp_business_messaging and _management"),
            secret=True,
        ),
        Setting("app_secret", _("App secret"), _("Of the Meta app; it signs the webhooks"), secret=True),
        Setting(
            "verify_token",
            _("Verify token"),
            _("Any text, also entered at Meta when the webhook is registered"),
            secret=True,
        ),
        Setting("api_version", _("API version"), _("Of the Graph API"), required=False, default="v26.0"),
        Setting(
            "base_url",
            _("Address of the API"),
            _("Change it only for a proxy or a test server"),
            required=False,
            default="https://graph.facebook.com",
            sandboxed=True,
        ),
    ),
    operations=(
        Operation("send", Effect.CREATES, unit="marketing template, Brazil"),
        Operation("list_templates", Effect.READS),
        Operation("create_template", Effect.CREATES),
        Operation("upload_media", Effect.CREATES),
        Operation("list_phone_numbers", Effect.READS),
        Operation("portfolio_limit", Effect.READS),
        Operation("health", Effect.READS),
    ),
    policy=CallPolicy(quotas=(Quota(Span.HOUR, 5_000),)),  # of the account's management; sending has its own limits
    rate_limits=(
        _("80 messages a second a number, raised to 1,000 by Meta"),
        _("1 message in 6 seconds to one person"),
        _("distinct people in 24 hours a portfolio: 250, 2,000, 10,000, 100,000, unlimited"),
    ),
    webhook=True,
    webhook_help=_("Register the webhook address in the app's WhatsApp settings and subscribe to the field messages."),
    costs=(
        Cost("marketing template, Brazil", "0.0625", "USD", _("Meta's list price; utility inside the window is free")),
    ),
    docs_url="https://developers.facebook.com/documentation/business-messaging/whatsapp",
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
