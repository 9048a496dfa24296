"""What OpenAI needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span, Unit
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done, exempt

MILLION = 1_000_000
_LONGER = _("twice as much in questions of more than 272,000 tokens")

MANIFEST = Manifest(
    slug="openai",
    title="OpenAI",
    category=Category.MODELS,
    capabilities=("language", "embeddings", "images"),
    channels=(),
    purpose=_("Scoring and sorting, texts, search by meaning, pictures."),
    settings=(
        Setting(
            "api_key", _("API key"), _("A key of the project, from the platform"), secret=True, example="sk-proj-1"
        ),
        Setting(
            "model_small",
            _("Small model"),
            _("For sorting, scoring and short answers"),
            required=False,
            default="gpt-6-luna",
        ),
        Setting("model_main", _("Main model"), _("For writing"), required=False, default="gpt-6-sol"),
        Setting("model_long", _("Model for long contexts"), _("For much to read"), required=False, default="gpt-6-sol"),
        Setting(
            "model_embedding",
            _("Embedding model"),
            _("Turns texts into vectors; after a change everything is embedded anew"),
            required=False,
            default="text-embedding-3-small",
        ),
        Setting("model_image", _("Image model"), _("Makes pictures"), required=False, default="gpt-image-2.6-flare"),
        Setting(
            "base_url",
            _("Address of the API"),
            _("Change it only for a proxy or a test server"),
            required=False,
            default="https://api.openai.com/v1",
            sandboxed=True,
        ),
    ),
    operations=(
        Operation("complete", Effect.READS),
        Operation("embed", Effect.READS),
        Operation("generate_image", Effect.READS),
        Operation("health", Effect.READS),
    ),
    policy=CallPolicy(
        timeout=120.0,
        concurrent=8,
        quotas=(Quota(Span.MINUTE, 10_000), Quota(Span.MINUTE, 4_000_000, Unit.TOKENS)),
    ),
    rate_limits=(_("10,000 requests a minute (tier 3); tokens a minute by model and tier"),),
    webhook=False,
    costs=(
        Cost("gpt-6-luna input", "0.10", "USD", _LONGER, per=MILLION),
        Cost("gpt-6-luna output", "0.50", "USD", per=MILLION),
        Cost("gpt-6-sol input", "2.00", "USD", _LONGER, per=MILLION),
        Cost("gpt-6-sol output", "10.00", "USD", per=MILLION),
        Cost("text-embedding-3-small input", "0.02", "USD", per=MILLION),
        Cost("text-embedding-3-large input", "0.13", "USD", per=MILLION),
        Cost("gpt-image-2.6-flare input", "5.00", "USD", per=MILLION),
        Cost("gpt-image-2.6-flare output", "30.00", "USD", per=MILLION),
    ),
    docs_url="https://developers.openai.com/api/docs",
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
