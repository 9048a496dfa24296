"""What an S3-compatible store needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done, exempt

MANIFEST = Manifest(
    slug="s3",
    title="S3",
    category=Category.STORAGE,
    capabilities=("storage",),
    channels=(),
    purpose=_(
        "Files in buckets: uploads, contracts, invoices, exports, backups. AWS S3, Cloudflare R2 and their like."
    ),
    settings=(
        Setting(
            "access_key_id", _("Access key"), _("The public half of the pair of keys"), example="AKIAIOSFODNN7EXAMPLE"
        ),
        Setting(
            "secret_access_key",
            _("Secret key"),
            _("The secret half; shown once when the pair is made"),
            secret=True,
            example="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ),
        Setting(
            "region",
            _("Region"),
            _("As the store names it; auto at Cloudflare R2"),
            required=False,
            default="us-east-1",
            example="sa-east-1",
        ),
        Setting(
            "endpoint",
            _("Address of the API"),
            _("{region} stands for the region; at R2 https://ACCOUNT.r2.cloudflarestorage.com"),
            required=False,
            default="https://s3.{region}.amazonaws.com",
            sandboxed=True,
        ),
        Setting(
            "bucket_prefix",
            _("Prefix of the buckets"),
            _("AWS wants names that nobody else has: media-uploads becomes PREFIXmedia-uploads"),
            required=False,
            example="my-agency-",
        ),
        Setting(
            "public_base_url",
            _("Address of the public files"),
            _("Where the CDN serves the bucket public-assets"),
            required=False,
            example="https://assets.example.com",
        ),
    ),
    operations=(
        Operation("put", Effect.SETS, unit="write"),
        Operation("get", Effect.READS, unit="read"),
        Operation("head", Effect.READS, unit="read"),
        Operation("delete", Effect.SETS),
        Operation("list", Effect.READS, unit="write"),  # priced like one
        Operation("copy", Effect.SETS, unit="write"),
        Operation("begin_upload", Effect.CREATES, unit="write"),
        Operation("upload_part", Effect.SETS, unit="write"),
        Operation("complete_upload", Effect.SETS, unit="write"),
        Operation("abort_upload", Effect.SETS),
        Operation("list_uploads", Effect.READS, unit="write"),
        Operation("create_bucket", Effect.SETS, unit="write"),
        Operation("bucket_exists", Effect.READS, unit="read"),
        Operation("set_expiry", Effect.SETS, unit="write"),
        Operation("get_expiry", Effect.READS, unit="read"),
        Operation("publish_bucket", Effect.SETS, unit="write"),
        Operation("health", Effect.READS, unit="read"),
    ),
    policy=CallPolicy(timeout=120.0, concurrent=32),  # one part of 32 MB over a slow line
    rate_limits=(
        _("AWS: 3,500 writes and 5,500 reads a second of each prefix; R2: one write a second of the same object"),
    ),
    webhook=False,
    costs=(
        Cost("write", "0.005", "USD", _("AWS; R2 0.0045"), per=1000),
        Cost("read", "0.0004", "USD", _("AWS; R2 0.00036"), per=1000),
        Cost("GB-month", "0.023", "USD", _("AWS; R2 0.015 and nothing for what is read")),
    ),
    docs_url="https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html",
    checks=Checks(
        timeout=done,
        typed_errors=done,
        sandbox=done,
        contract_test=done,
        webhook_signature=exempt("a store sends nothing by itself"),
        replay_safety=done,
        health=done,
        secret_masking=done,
        payload_samples=done,
        cost=done,
    ),
)
