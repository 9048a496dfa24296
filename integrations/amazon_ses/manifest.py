"""What Amazon SES needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span
from integrations.manifest import Category, Checks, Cost, MailFacts, Manifest, Setting, done

MANIFEST = Manifest(
    slug="amazon_ses",
    title="Amazon SES",
    category=Category.MESSAGES,
    capabilities=("messages",),
    channels=("email",),
    purpose=_("E-mail through Amazon, cheap in bulk; takes over when Resend is down."),
    settings=(
        Setting("region", _("Region"), _("Where the account sends from"), required=False, default="sa-east-1"),
        Setting(
            "access_key_id",
            _("Access key"),
            _("Of an IAM user that may ses:SendEmail, ses:SendBulkEmail, ses:Get* and ses:List*"),
            example="AKIAIOSFODNN7EXAMPLE",
        ),
        Setting("secret_access_key", _("Secret access key"), _("Shown once, when the key is made"), secret=True),
        Setting(
            "configuration_set",
            _("Configuration set"),
            _("Its event destination is an SNS topic; without it nobody hears what became of an e-mail"),
            example="batuta",
        ),
        Setting(
            "topic_arn",
            _("SNS topic"),
            _("Events of any other topic are refused"),
            required=False,
            example="arn:aws:sns:sa-east-1:123456789012:ses-events",
        ),
        Setting(
            "base_url",
            _("Address of the API"),
            _("Change it only for a proxy or a test server"),
            required=False,
            sandboxed=True,
        ),
    ),
    operations=(
        Operation("send", Effect.CREATES, unit="e-mail"),
        Operation("send_bulk", Effect.CREATES),
        Operation("account_quota", Effect.READS),
        Operation("list_identities", Effect.READS),
        Operation("get_identity", Effect.READS),
        Operation("list_suppressed", Effect.READS),
        Operation("health", Effect.READS),
    ),
    policy=CallPolicy(quotas=(Quota(Span.MINUTE, 60),)),  # of the account's management: Amazon allows one a second
    rate_limits=(
        _("e-mails a second and in 24 hours as granted to the account; 1 and 200 while it is in Amazon's sandbox"),
        _("1 call a second of each method that sends nothing"),
    ),
    webhook=True,
    webhook_help=_(
        "Subscribe this address to the SNS topic (HTTPS, without raw delivery) that the configuration set publishes to."
    ),
    costs=(Cost("e-mail", "0.10", "USD", _("plus 0.12 USD a GB of attachments"), per=1_000),),
    mail=MailFacts(bounce_domains=("mail.{domain}", "{domain}")),
    docs_url="https://docs.aws.amazon.com/ses/latest/APIReference-V2/Welcome.html",
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
