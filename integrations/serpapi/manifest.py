"""What SerpAPI needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span, Unit
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done, exempt

MANIFEST = Manifest(
    slug="serpapi",
    title="SerpAPI",
    category=Category.SEARCH,
    capabilities=("search",),
    channels=(),
    purpose=_("What Google finds: companies, places, news, products, profiles."),
    settings=(
        Setting("api_key", _("API key"), _("Shown on the page Your Account"), secret=True, example="0123456789abcdef"),
        Setting(
            "base_url",
            _("Address of the API"),
            _("Change it only for a proxy or a test server"),
            required=False,
            default="https://serpapi.com",
            sandboxed=True,
        ),
    ),
    operations=(
        Operation("search", Effect.READS, unit="search"),
        Operation("search_maps", Effect.READS, unit="search"),
        Operation("search_news", Effect.READS, unit="search"),
        Operation("search_shopping", Effect.READS, unit="search"),
        Operation("search_profiles", Effect.READS, unit="search"),
        Operation("account", Effect.READS, weight=0),
        Operation("health", Effect.READS, weight=0),
    ),
    # Counted in weight: looking at the account is free.
    policy=CallPolicy(quotas=(Quota(Span.MONTH, 5_000, Unit.WEIGHT), Quota(Span.HOUR, 1_000, Unit.WEIGHT))),
    rate_limits=(
        _("5,000 searches a month and 1,000 an hour in the plan Developer; what is left is asked of the account"),
    ),
    webhook=False,
    costs=(Cost("search", "50", "USD", _("plan Developer, 5,000 searches for US$ 50 a month"), per=5_000),),
    docs_url="https://serpapi.com/search-api",
    checks=Checks(
        timeout=done,
        typed_errors=done,
        sandbox=done,
        contract_test=done,
        webhook_signature=exempt("it sends nothing by itself"),
        replay_safety=done,
        health=done,
        secret_masking=done,
        payload_samples=done,
        cost=done,
    ),
)
