"""What may become the values of a connection: known names, required ones, files that are what they claim. Anything else is an error beside its field."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from agency.kit.errors import InvalidInput
from integrations.credentials import UnusableCredential, read_credential
from integrations.environment import PARSED, app_credentials
from integrations.errors import NotConfigured
from integrations.manifest import Manifest, SettingKind
from integrations.registry import manifest_of


@dataclass(frozen=True, slots=True)
class Values:
    """Settings and secrets as they are stored, and what certificates and key files say of themselves."""

    plain: dict[str, str]
    secrets: dict[str, str]
    facts: dict[str, dict[str, str]]


def known_manifest(service: str) -> Manifest:
    """The service's manifest. Raises `InvalidInput`."""
    try:
        return manifest_of(service)
    except NotConfigured:
        raise InvalidInput("service_unknown", _("There is no such service."), "service") from None


def connection_name(name: str) -> str:
    """The name, stripped. Raises `InvalidInput`."""
    name = name.strip()
    if not name or len(name) > 120:
        raise InvalidInput("name_invalid", _("Give a name of 1 to 120 characters."), "name")
    return name


def accepted_values(manifest: Manifest, settings: Mapping[str, str], secrets: Mapping[str, str]) -> Values:
    """The settings and secrets that the manifest knows, stripped and checked. A certificate's password is taken beside it and not kept.

    Raises `InvalidInput` that names the field.
    """
    certificates = [item for item in manifest.settings if item.kind is SettingKind.CERTIFICATE]
    passwords = {item.password_name for item in certificates}
    unknown = sorted(
        ({*settings} - {*manifest.plain_names}) | ({*secrets} - {*manifest.secret_names} - passwords),
    )
    if unknown:
        raise InvalidInput("setting_unknown", _("%(name)s is not a setting.") % {"name": unknown[0]}, unknown[0])
    plain = {name: str(value).strip() for name, value in settings.items() if str(value).strip()}
    sealed = {name: value.strip() for name, value in secrets.items() if value.strip() and name not in passwords}
    _refuse_missing(manifest, plain, sealed)
    titles = {item.name: item.title for item in manifest.settings}
    facts = {}
    for item in manifest.settings:
        value = (sealed if item.secret else plain).get(item.name, "")
        if not value:
            continue
        if item.sandboxed and not _is_web_address(value):
            raise InvalidInput("url_invalid", _("Enter an address that starts with https://."), item.name)
        if item.kind in PARSED:
            try:
                credential = read_credential(item, value, secrets.get(item.password_name, ""))
            except UnusableCredential as error:
                raise InvalidInput(error.code, error.text, item.name) from None
            sealed[item.name], facts[item.name] = credential.stored, dict(credential.facts)
        elif not value.isprintable():
            text = _("%(title)s holds control characters.") % {"title": titles[item.name]}
            raise InvalidInput("characters", text, item.name)
    return Values(plain, sealed, facts)


def _refuse_missing(manifest: Manifest, plain: Mapping[str, str], sealed: Mapping[str, str]) -> None:
    """What is required and neither given nor the business of OAuth."""
    later = set[str]()
    if manifest.oauth is not None:
        later = {manifest.oauth.token_setting, *app_credentials(manifest, manifest.oauth)}
    for name in manifest.missing(plain, sealed):
        if name not in later:
            raise InvalidInput(
                "setting_missing", _("%(title)s is required.") % {"title": manifest.item(name).title}, name
            )


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username and not parts.query
    except ValueError:
        return False
