"""The settings that the manifests of Google's services have in common: a key file or consent, and where tokens are got."""

from django.utils.translation import gettext_lazy as _

from integrations.manifest import Setting, SettingKind

ADDRESS = _("Address of the API")
ONLY_FOR = _("Change it only for a proxy or a test server")

GOOGLE_SETTINGS = (
    Setting(
        "service_account",
        _("Key file of a service account"),
        _("JSON, from IAM of Google Cloud; share the files with its address. Instead of consent"),
        required=False,
        kind=SettingKind.JSON,
        json_keys=("client_email", "private_key"),
        shown_keys=("client_email",),
    ),
    Setting(
        "access_token",
        _("Access token"),
        _("Filled by Connect, and renewed by itself"),
        required=False,
        kind=SettingKind.OAUTH,
    ),
    Setting(
        "client_id",
        _("Client ID"),
        _("Of the OAuth client in Google Cloud; for Connect"),
        required=False,
    ),
    Setting(
        "client_secret",
        _("Client secret"),
        _("Of the OAuth client in Google Cloud; for Connect"),
        secret=True,
        required=False,
    ),
    Setting(
        "subject",
        _("Act as"),
        _("Address of a person of the domain, where the service account may act for it"),
        required=False,
        example="ana@example.com",
    ),
    Setting(
        "accounts_url",
        _("Address of the consent page"),
        ONLY_FOR,
        required=False,
        default="https://accounts.google.com",
        sandboxed=True,
    ),
    Setting(
        "token_base_url",
        _("Address of the token endpoint"),
        ONLY_FOR,
        required=False,
        default="https://oauth2.googleapis.com",
        sandboxed=True,
    ),
)
