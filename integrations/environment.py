"""Connections of the agency itself that are written in environment variables instead of the admin, for people who deploy by files.

The names come from the manifest: RESEND_API_KEY, SMTP_HOST; a certificate's password is <NAME>_PASSWORD. Each may come from a file: <NAME>_FILE.
The record of such a connection (source *environment*) holds no setting itself; `integrations.connections.facts_of` reads them here.
"""

from collections.abc import Iterator

from django.conf import settings

from integrations.credentials import Credential, UnusableCredential, read_credential
from integrations.errors import NotConfigured
from integrations.manifest import Manifest, Setting, SettingKind
from integrations.oauth import OAuth

PARSED = (SettingKind.JSON, SettingKind.CERTIFICATE)


def variables(manifest: Manifest) -> Iterator[tuple[str, Setting]]:
    """Every variable that a service's connection may come from, with its setting."""
    for item in manifest.settings:
        yield manifest.variable(item), item


def is_given(manifest: Manifest) -> bool:
    """Whether the environment says anything about a connection to the service; the provider's app alone is no connection."""
    app = manifest.oauth.app_settings if manifest.oauth else ()
    return any(_value(name) for name, item in variables(manifest) if item.name not in app)


def environment_values(manifest: Manifest) -> tuple[dict[str, str], dict[str, str]]:
    """The settings and the secrets that the environment gives. Raises `NotConfigured` for a file that cannot be used."""
    plain, secrets = dict[str, str](), dict[str, str]()
    for name, item in variables(manifest):
        value = _value(name)
        if value and item.kind in PARSED:
            value = _credential(manifest, name, item, value).stored
        if value:
            (secrets if item.secret else plain)[item.name] = value
    return plain, secrets


def environment_facts(manifest: Manifest) -> dict[str, dict[str, str]]:
    """What the environment's key files and certificates say of themselves; what cannot be used is left out."""
    found = {}
    for name, item in variables(manifest):
        value = _value(name) if item.kind in PARSED else ""
        if value:
            try:
                found[item.name] = dict(_credential(manifest, name, item, value).facts)
            except NotConfigured:
                continue
    return found


def app_credentials(manifest: Manifest, oauth: OAuth) -> dict[str, str]:
    """The provider's app that the agency registered for itself: client id and secret, as far as the environment has them."""
    found = {name: _value(manifest.variable(manifest.item(name))) for name in oauth.app_settings}
    return {name: value for name, value in found.items() if value}


def _credential(manifest: Manifest, name: str, item: Setting, value: str) -> Credential:
    try:
        return read_credential(item, value, _value(f"{name}_PASSWORD"))
    except UnusableCredential as error:
        raise NotConfigured(manifest.slug, "connect", error.code, f"{name}: {error.text}") from None


def _value(name: str) -> str:
    value: str = settings.READ_VARIABLE(name)
    return value.strip()
