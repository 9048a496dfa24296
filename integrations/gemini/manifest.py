"""What Gemini needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span, Unit
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done, exempt

MILLION = 1_000_000
_DOUBLES = _("until 31 December 2026; twice as much from 1 January 2027")

MANIFEST = Manifest(
    slug="gemini",
    title="Google Gemini",
    category=Category.MODELS,
    capabilities=("language", "embeddings"),
    channels=(),
    purpose=_("Analysis with much to read, trends, a cheap stand-in for the others."),
    settings=(
        Setting("api_key", _("API key"), _("A key from Google AI Studio"), secret=True, example="AIzaSy1"),
        Setting(
            "model_small",
            _("Small model"),
            _("For sorting, scoring and short answers"),
            required=False,
            default="gemini-3.5-flash-lite",
        ),
        Setting("model_main", _("Main model"), _("For writing"), required=False, default="gemini-3.8-flash"),
        Setting(
            "model_long",
            _("Model for long contexts"),
            _("For much to read"),
            required=False,
            default="gemini-3.8-flash",
        ),
        Setting(
            "model_embedding",
            _("Embedding model"),
            _("Turns texts into vectors; after a change everything is embedded anew"),
            required=False,
            default="gemini-embedding-2",
        ),
        Setting("api_version", _("Version of the API"), _("Part of each address"), required=False, default="v1"),
        Setting(
            "base_url",
            _("Address of the API"),
            _("Change it only for a proxy or a test server"),
            required=False,
            default="https://generativelanguage.googleapis.com",
            sandboxed=True,
        ),
    ),
    operations=(
        Operation("complete", Effect.READS),
        Operation("embed", Effect.READS),
        Operation("health", Effect.READS),
    ),
    policy=CallPolicy(
        timeout=120.0,
        concurrent=8,
        quotas=(Quota(Span.MINUTE, 1_000), Quota(Span.MINUTE, 4_000_000, Unit.TOKENS)),
    ),
    rate_limits=(_("1,000 requests a minute when paid, 60 when free; tokens a minute by model and tier"),),
    webhook=False,
    costs=(
        Cost("gemini-3.5-flash-lite input", "0.30", "USD", per=MILLION),
        Cost("gemini-3.5-flash-lite output", "2.50", "USD", per=MILLION),
        Cost("gemini-3.8-flash input", "0.75", "USD", _DOUBLES, per=MILLION),
        Cost("gemini-3.8-flash output", "3.75", "USD", _DOUBLES, per=MILLION),
        Cost("gemini-embedding-2 input", "0.20", "USD", per=MILLION),
        Cost("gemini-embedding-001 input", "0.15", "USD", per=MILLION),
    ),
    docs_url="https://ai.google.dev/gemini-api/docs",
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
