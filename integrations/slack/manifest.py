"""What Slack needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done

MANIFEST = Manifest(
    slug="slack",
    title="Slack",
    category=Category.DOCUMENTS,
    capabilities=("team_messages",),
    channels=(),
    purpose=_("Alerts and approvals to the team, with buttons that are answered here."),
    settings=(
        Setting(
            "bot_token", _("Bot token"), _("Shown under OAuth & Permissions of the app"), secret=True, example="xoxb-1"
        ),
        Setting(
            "signing_secret",
            _("Signing secret"),
            _("Shown under Basic Information; proves that a button was pressed in Slack"),
            secret=True,
            example="8f742231b10e8888abcd99yyyzzz85a5",
        ),
        Setting(
            "base_url",
            _("Address of the API"),
            _("Change it only for a proxy or a test server"),
            required=False,
            default="https://slack.com/api",
            sandboxed=True,
        ),
    ),
    operations=(
        Operation("post_message", Effect.CREATES),
        Operation("update_message", Effect.SETS),
        Operation("find_user", Effect.READS),
        Operation("open_direct_message", Effect.SETS),
        Operation("list_channels", Effect.READS),
        Operation("health", Effect.READS),
    ),
    policy=CallPolicy(quotas=(Quota(Span.MINUTE, 50),)),
    rate_limits=(_("1 message a second to a channel"), _("20 to 100 calls a minute of each method")),
    webhook=True,
    webhook_help=_("Enter this address under Interactivity and under Event Subscriptions of the app."),
    costs=(Cost("call", "0", "USD", _("part of the workspace's plan")),),
    docs_url="https://docs.slack.dev/reference/methods",
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
