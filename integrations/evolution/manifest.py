"""What Evolution API needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done

MANIFEST = Manifest(
    slug="evolution",
    title="Evolution API",
    category=Category.MESSAGES,
    capabilities=("messages",),
    channels=("whatsapp",),
    purpose=_("WhatsApp through a self-hosted server and an ordinary phone; unofficial, so keep a slow pace."),
    settings=(
        Setting(
            "base_url",
            _("Server address"),
            _("Address of your Evolution server"),
            example="https://evolution.example.com",
            sandboxed=True,
        ),
        Setting("api_key", _("API key"), _("Global key, or the token of one instance"), secret=True),
        Setting(
            "webhook_token",
            _("Webhook secret"),
            _("Secret for the webhooks: header Authorization, or jwt_key of the instance"),
            secret=True,
        ),
    ),
    operations=(
        Operation("send", Effect.CREATES, unit="message"),
        Operation("check_numbers", Effect.READS),
        Operation("list_instances", Effect.READS),
        Operation("connection_state", Effect.READS),
        Operation("connect", Effect.SETS),
        Operation("create_instance", Effect.CREATES),
        Operation("logout_instance", Effect.SETS),
        Operation("delete_instance", Effect.SETS),
        Operation("set_webhook", Effect.SETS),
        Operation("health", Effect.READS),
    ),
    policy=CallPolicy(quotas=(Quota(Span.MINUTE, 60),)),  # ours: looking too much up gets a number banned
    rate_limits=(_("none of its own: WhatsApp bans numbers that write too fast, so limit each sender"),),
    webhook=True,
    webhook_help=_("Set the instance's webhook to this address with the secret in its headers."),
    costs=(Cost("message", "0", "BRL", _("self-hosted; the server is yours")),),
    docs_url="https://doc.evolution-api.com/v2",
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
