"""What Google Sheets needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span
from integrations.google.settings import ADDRESS, GOOGLE_SETTINGS, ONLY_FOR
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done, exempt
from integrations.oauth import google_oauth

MANIFEST = Manifest(
    slug="google_sheets",
    title="Google Sheets",
    category=Category.DOCUMENTS,
    capabilities=("spreadsheets",),
    channels=(),
    purpose=_("Tables of figures that dashboards and reports read."),
    settings=(
        *GOOGLE_SETTINGS,
        Setting("base_url", ADDRESS, ONLY_FOR, required=False, default="https://sheets.googleapis.com", sandboxed=True),
        Setting(
            "drive_url",
            _("Address of Drive's API"),
            ONLY_FOR,
            required=False,
            default="https://www.googleapis.com",
            sandboxed=True,
        ),
    ),
    operations=(
        Operation("open", Effect.READS),
        Operation("read_range", Effect.READS),
        Operation("append_rows", Effect.CREATES),
        Operation("update_range", Effect.SETS),
        Operation("update_ranges", Effect.SETS),
        Operation("add_worksheet", Effect.SETS),
        Operation("share", Effect.SETS),
        Operation("health", Effect.READS),
    ),
    policy=CallPolicy(quotas=(Quota(Span.MINUTE, 60),), timeout=60.0),
    rate_limits=(_("60 reads and 60 writes a minute of each account"), _("2 MB a call")),
    webhook=False,
    costs=(Cost("call", "0", "USD", _("free")),),
    docs_url="https://developers.google.com/workspace/sheets/api/reference/rest",
    oauth=google_oauth(
        "access_token",
        scopes=("https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive"),
    ),
    checks=Checks(
        timeout=done,
        typed_errors=done,
        sandbox=done,
        contract_test=done,
        webhook_signature=exempt("Sheets has no webhooks; changes of a file are told by Drive."),
        replay_safety=done,
        health=done,
        secret_masking=done,
        payload_samples=done,
        cost=done,
    ),
)
