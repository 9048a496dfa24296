"""What an SMTP server needs and offers."""

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import Effect, Operation
from integrations.manifest import Category, Checks, Cost, Manifest, Setting, done, exempt

NO_WEBHOOK = exempt("SMTP has no webhooks: what was delivered is not reported")

MANIFEST = Manifest(
    slug="smtp",
    title="SMTP",
    category=Category.MESSAGES,
    capabilities=("messages",),
    channels=("email",),
    purpose=_("E-mail through any mail server."),
    settings=(
        Setting("host", _("Mail server"), _("Name of the mail server"), example="smtp.example.com"),
        Setting("port", _("Port"), _("587, or 465 with tls"), required=False, default="587"),
        Setting("security", _("Encryption"), _("starttls, tls or none"), required=False, default="starttls"),
        Setting("username", _("User name"), _("If the server asks for one"), required=False),
        Setting("password", _("Password"), _("Of the user name"), secret=True, required=False),
        Setting(
            "helo_name",
            _("Own host name"),
            _("How this machine introduces itself"),
            required=False,
            default="localhost",
        ),
    ),
    operations=(
        Operation("send", Effect.CREATES, unit="e-mail"),
        Operation("verify", Effect.READS),
        Operation("health", Effect.READS),
    ),
    rate_limits=(_("whatever the server allows; limit each sender"),),
    webhook=False,
    costs=(Cost("e-mail", "0", "BRL", _("depends on the server")),),
    docs_url="https://www.rfc-editor.org/rfc/rfc5321",
    checks=Checks(
        timeout=done,
        typed_errors=done,
        sandbox=done,
        contract_test=done,
        webhook_signature=NO_WEBHOOK,
        replay_safety=NO_WEBHOOK,
        health=done,
        secret_masking=done,
        payload_samples=NO_WEBHOOK,
        cost=done,
    ),
)
