"""What Notion needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done

MANIFEST = Manifest(
    slug="notion",
    title="Notion",
    category=Category.DOCUMENTS,
    capabilities=("databases",),
    channels=(),
    purpose=_("Databases of clients, tasks, incidents and answers, kept the same here and there."),
    settings=(
        Setting(
            "token",
            _("Token"),
            _("Of an internal integration; share the databases with it"),
            secret=True,
            example="ntn_1",
        ),
        Setting(
            "verification_token",
            _("Verification token of the webhook"),
            _("Notion sends it by itself when the webhook is made; it signs what follows"),
            secret=True,
            required=False,
            example="secret_1",
            given=True,
        ),
        Setting(
            "notion_version",
            _("API version"),
            _("Sent with each call"),
            required=False,
            default="2026-03-11",
        ),
        Setting(
            "base_url",
            _("Address of the API"),
            _("Change it only for a proxy or a test server"),
            required=False,
            default="https://api.notion.com",
            sandboxed=True,
        ),
    ),
    operations=(
        Operation("get_database", Effect.READS),
        Operation("create_database", Effect.CREATES),
        Operation("get_data_source", Effect.READS),
        Operation("query", Effect.READS),
        Operation("get_page", Effect.READS),
        Operation("create_page", Effect.CREATES),
        Operation("update_page", Effect.SETS),
        Operation("archive_page", Effect.SETS),
        Operation("append_blocks", Effect.CREATES),
        Operation("list_blocks", Effect.READS),
        Operation("list_users", Effect.READS),
        Operation("search", Effect.READS),
        Operation("health", Effect.READS),
    ),
    policy=CallPolicy(quotas=(Quota(Span.MINUTE, 170),), concurrent=3),
    rate_limits=(_("3 calls a second on average, less while a workspace is busy"), _("100 blocks a call")),
    webhook=True,
    webhook_help=_(
        "Enter this address under Webhooks of the integration; then press Show verification token here, and enter it there."
    ),
    costs=(Cost("call", "0", "USD", _("part of the workspace's plan")),),
    docs_url="https://developers.notion.com/reference/intro",
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
