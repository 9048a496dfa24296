"""What a Meta pixel needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done, exempt

MANIFEST = Manifest(
    slug="meta_pixel",
    title="Meta pixel and Conversions API",
    category=Category.ADS,
    capabilities=("conversions",),
    channels=(),
    purpose=_("Whether a site's events reach Meta, and conversions sent from the server beside the browser's."),
    settings=(
        Setting("pixel_id", _("Pixel"), _("Number of the pixel (dataset) in Events Manager"), example="1234567890"),
        Setting(
            "access_token",
            _("Access token"),
            _("System user token with ads_read and ads_management"),
            secret=True,
        ),
        Setting(
            "app_secret", _("App secret"), _("Of the Meta app; it proves that the token is used by us"), secret=True
        ),
        Setting(
            "test_event_code",
            _("Test event code"),
            _("Shown under Test Events; while it is set, events count as tests"),
            required=False,
            example="TEST12345",
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
        Operation("pixel", Effect.READS),
        Operation("stats", Effect.READS),
        Operation("diagnostics", Effect.READS),
        Operation("quality", Effect.READS),
        Operation("send_events", Effect.SETS),  # known by event_name and event_id for 48 hours
        Operation("health", Effect.READS),
    ),
    policy=CallPolicy(quotas=(Quota(Span.HOUR, 100_000),)),
    rate_limits=(
        _("1,000 events a call; one bad event rejects all of them"),
        _("events of the last 7 days only"),
    ),
    webhook=False,
    costs=(Cost("call", "0", "USD", _("free; advertising itself is paid to Meta")),),
    docs_url="https://developers.facebook.com/docs/marketing-api/conversions-api",
    checks=Checks(
        timeout=done,
        typed_errors=done,
        sandbox=done,
        contract_test=done,
        webhook_signature=exempt("it sends no webhooks"),
        replay_safety=exempt("it sends no webhooks"),
        health=done,
        secret_masking=done,
        payload_samples=done,
        cost=done,
    ),
)
