"""What Resend needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span
from integrations.manifest import Category, Checks, Cost, MailFacts, Manifest, Setting, done

MANIFEST = Manifest(
    slug="resend",
    title="Resend",
    category=Category.MESSAGES,
    capabilities=("messages",),
    channels=("email",),
    purpose=_("E-mail that is never sent twice: the service drops repetitions for 24 hours."),
    settings=(
        Setting("api_key", _("API key"), _("A key with sending access"), secret=True, example="re_123"),
        Setting(
            "webhook_secret",
            _("Signing secret"),
            _("Shown by Resend beside the webhook"),
            secret=True,
            example="whsec_123",
        ),
        Setting(
            "base_url",
            _("Address of the API"),
            _("Change it only for a proxy or a test server"),
            required=False,
            default="https://api.resend.com",
            sandboxed=True,
        ),
    ),
    operations=(
        Operation(
            "send", Effect.SETS, unit="e-mail"
        ),  # with a key, as the next two: Resend drops repetitions for 24 hours
        Operation("send_batch", Effect.SETS),
        Operation("schedule", Effect.SETS, unit="e-mail"),
        Operation("reschedule", Effect.SETS),
        Operation("cancel", Effect.SETS),
        Operation("fetch", Effect.READS),
        Operation("list_domains", Effect.READS),
        Operation("health", Effect.READS),
    ),
    policy=CallPolicy(quotas=(Quota(Span.MINUTE, 300),)),
    rate_limits=(_("5 requests a second a team"), _("daily and monthly quota of the plan")),
    webhook=True,
    webhook_help=_("Add a webhook with this address and all events of e-mails, then copy its signing secret here."),
    costs=(Cost("e-mail", "0.40", "USD", _("Pro plan; the first 3,000 a month are free"), per=1_000),),
    mail=MailFacts(bounce_domains=("send.{domain}", "{domain}"), dkim_selectors=("resend",)),
    docs_url="https://resend.com/docs/api-reference",
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
