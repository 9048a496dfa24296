"""What Meta's Marketing API needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span, Unit
from integrations.manifest import Category, Checks, Cost, Manifest, Poll, Setting, done

WRITE = 3  # what a change weighs at Meta; a read weighs 1

MANIFEST = Manifest(
    slug="meta_ads",
    title="Meta Marketing API",
    category=Category.ADS,
    capabilities=("ads",),
    channels=(),
    purpose=_("Campaigns, figures, audiences and leads of an ad account of Facebook and Instagram."),
    settings=(
        Setting("ad_account_id", _("Ad account"), _("Its number, with or without act_"), example="act_1234567890"),
        Setting("page_id", _("Page"), _("Number of the page whose lead forms are read"), required=False),
        Setting("app_id", _("App"), _("Number of the Meta app; needed to subscribe to webhooks"), required=False),
        Setting(
            "access_token",
            _("Access token"),
            _(
                "System user token with ads_management, ads_read, business_management, leads_retrieval and pages_manage_ads"
            ),
            secret=True,
        ),
        Setting("app_secret", _("App secret"), _("Of the Meta app; it signs the webhooks"), secret=True),
        Setting(
            "verify_token",
            _("Verify token"),
            _("Any text, also entered at Meta when the webhook is registered"),
            secret=True,
            required=False,
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
        Operation("account", Effect.READS),
        Operation("list_campaigns", Effect.READS),
        Operation("list_ad_sets", Effect.READS),
        Operation("list_ads", Effect.READS),
        Operation("list_creatives", Effect.READS),
        Operation("list_images", Effect.READS),
        Operation("validate", Effect.READS, WRITE),
        Operation("create_campaign", Effect.CREATES, WRITE),
        Operation("create_ad_set", Effect.CREATES, WRITE),
        Operation("create_creative", Effect.CREATES, WRITE),
        Operation("create_ad", Effect.CREATES, WRITE),
        Operation("upload_image", Effect.SETS, WRITE),  # the same bytes are the same image
        Operation("update", Effect.SETS, WRITE),
        Operation("update_many", Effect.SETS, 50 * WRITE),  # each change of a batch counts by itself
        Operation("copy", Effect.CREATES, WRITE),
        Operation("insights", Effect.READS),
        Operation("start_report", Effect.CREATES, WRITE),
        Operation("report_run", Effect.READS),
        Operation("report_insights", Effect.READS),
        Operation("create_audience", Effect.CREATES, WRITE),
        Operation("create_lookalike", Effect.CREATES, WRITE),
        Operation("list_audiences", Effect.READS),
        Operation("add_people", Effect.SETS, WRITE),
        Operation("remove_people", Effect.SETS, WRITE),
        Operation("list_lead_forms", Effect.READS),
        Operation("list_leads", Effect.READS),
        Operation("lead", Effect.READS),
        Operation("subscribe_app", Effect.SETS, WRITE),
        Operation("subscribe_account", Effect.SETS, WRITE),
        Operation("subscribe_page", Effect.SETS, WRITE),
        Operation("health", Effect.READS),
    ),
    policy=CallPolicy(quotas=(Quota(Span.HOUR, 100_000, Unit.WEIGHT),)),
    rate_limits=(
        _("ads: 100,000 calls an hour and account with full access (300 with limited) and 40 more for each active ad"),
        _("insights: 190,000 an hour (600) and 400 more for each active ad"),
        _("at one time: a score of 9,000 (60), reads weigh 1 and changes 3; blocked for 60 s (300 s)"),
        _("4 changes an hour to the budget of an ad set"),
    ),
    webhook=True,
    webhook_help=_(
        "Subscribe to the app's topics ad_account (effective_status, with_issues_ad_objects) and page (leadgen)."
    ),
    polls=(
        Poll("account_status", 15, _("whether the account is blocked")),
        Poll("leads", 15, _("new leads")),
        Poll("changed_objects", 60, _("ads and ad sets that were disapproved or changed")),
    ),
    costs=(Cost("call", "0", "USD", _("free; advertising itself is paid to Meta")),),
    docs_url="https://developers.facebook.com/docs/marketing-apis",
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
