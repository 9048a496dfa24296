"""What Anthropic needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span, Unit
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done, exempt

MILLION = 1_000_000
_LONGER = _("Haiku costs five times as much in questions of more than 100,000 tokens")

MANIFEST = Manifest(
    slug="anthropic",
    title="Anthropic",
    category=Category.MODELS,
    capabilities=("language",),
    channels=(),
    purpose=_("Texts with nuance: messages to leads, long content, contracts, comments on reports."),
    settings=(
        Setting(
            "api_key", _("API key"), _("A key of the workspace, from the console"), secret=True, example="sk-ant-1"
        ),
        Setting(
            "model_small",
            _("Small model"),
            _("For sorting, scoring and short answers"),
            required=False,
            default="claude-haiku-5-5",
        ),
        Setting("model_main", _("Main model"), _("For writing"), required=False, default="claude-sonnet-5-5"),
        Setting(
            "model_long",
            _("Model for long contexts"),
            _("For much to read"),
            required=False,
            default="claude-sonnet-5-5",
        ),
        Setting(
            "base_url",
            _("Address of the API"),
            _("Change it only for a proxy or a test server"),
            required=False,
            default="https://api.anthropic.com",
            sandboxed=True,
        ),
    ),
    operations=(Operation("complete", Effect.READS), Operation("health", Effect.READS)),
    policy=CallPolicy(
        timeout=120.0,
        concurrent=8,
        quotas=(Quota(Span.MINUTE, 4_000), Quota(Span.MINUTE, 400_000, Unit.TOKENS)),
    ),
    rate_limits=(_("4,000 requests and 400,000 tokens a minute (tier 2); each tier has its own"),),
    webhook=False,
    costs=(
        Cost("claude-haiku-5-5 input", "0.10", "USD", _LONGER, per=MILLION),
        Cost("claude-haiku-5-5 output", "0.50", "USD", per=MILLION),
        Cost("claude-sonnet-5-5 input", "2.00", "USD", per=MILLION),
        Cost("claude-sonnet-5-5 output", "10.00", "USD", per=MILLION),
        Cost("claude-opus-5-5 input", "4.00", "USD", per=MILLION),
        Cost("claude-opus-5-5 output", "20.00", "USD", per=MILLION),
    ),
    docs_url="https://platform.claude.com/docs/en/api/messages",
    checks=Checks(
        timeout=done,
        typed_errors=done,
        sandbox=done,
        contract_test=done,
        webhook_signature=exempt("it has no webhooks that the product uses"),
        replay_safety=exempt("an answer changes nothing anywhere: asking again costs tokens and nothing else"),
        health=done,
        secret_masking=done,
        payload_samples=done,
        cost=done,
    ),
)
