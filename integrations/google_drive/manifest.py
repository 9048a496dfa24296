"""What Google Drive needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span, Unit
from integrations.google.settings import ADDRESS, GOOGLE_SETTINGS, ONLY_FOR
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done
from integrations.oauth import google_oauth

MANIFEST = Manifest(
    slug="google_drive",
    title="Google Drive",
    category=Category.DOCUMENTS,
    capabilities=("documents",),
    channels=(),
    purpose=_("Folders of clients, copies of templates, reports as PDF, backups."),
    settings=(
        *GOOGLE_SETTINGS,
        Setting(
            "channel_token",
            _("Token of watched files"),
            _("Any long text; Drive sends it along when it tells of a change"),
            secret=True,
            required=False,
            example="3f6c1c0a5d",
        ),
        Setting("base_url", ADDRESS, ONLY_FOR, required=False, default="https://www.googleapis.com", sandboxed=True),
    ),
    # Weights are Drive's quota units since May 2026.
    operations=(
        Operation("get_file", Effect.READS, weight=5),
        Operation("list_files", Effect.READS, weight=100),
        Operation("create_folder", Effect.CREATES, weight=50),
        Operation("copy_file", Effect.CREATES, weight=50),
        Operation("export_pdf", Effect.READS, weight=200),
        Operation("upload_file", Effect.CREATES, weight=50),
        Operation("start_upload", Effect.SETS, weight=5),
        Operation("send_part", Effect.SETS, weight=50),
        Operation("list_permissions", Effect.READS, weight=100),
        Operation("share", Effect.SETS, weight=50),
        Operation("watch", Effect.CREATES, weight=50),
        Operation("health", Effect.READS, weight=5),
    ),
    policy=CallPolicy(timeout=120.0, quotas=(Quota(Span.MINUTE, 325_000, Unit.WEIGHT),)),
    rate_limits=(_("325,000 units a minute of each account"), _("750 GB of uploads and copies a day")),
    webhook=True,
    webhook_help=_("Nothing to enter: the address is given to Drive with each file that is watched."),
    costs=(Cost("call", "0", "USD", _("free within 400 million units a day")),),
    docs_url="https://developers.google.com/workspace/drive/api/reference/rest/v3",
    oauth=google_oauth("access_token", scopes=("https://www.googleapis.com/auth/drive",)),
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
