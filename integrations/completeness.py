"""Whether each service's folder keeps what its manifest claims."""

from pathlib import Path

import integrations
from integrations.manifest import Manifest, SettingKind
from integrations.registry import manifests

ROOT = Path(integrations.__path__[0])
FORM_FIELDS = ("name", "client", "service")  # the form of a connection has these besides the settings


def problems(root: Path | None = None) -> list[str]:
    """One sentence per broken claim; an empty list when all manifests are true."""
    found: list[str] = []
    for manifest in manifests().values():
        found += _problems_of(manifest, (root or ROOT) / manifest.slug)
        found += _oauth_problems(manifest)
    return found + _shared_variables()


def _oauth_problems(manifest: Manifest) -> list[str]:
    """A declaration of OAuth names settings that exist; only the one that the token fills is of that kind."""
    names = [item.name for item in manifest.settings]
    tokens = [item.name for item in manifest.settings if item.kind is SettingKind.OAUTH]
    wanted = [] if manifest.oauth is None else [manifest.oauth.token_setting]
    found = (
        [] if tokens == wanted else [f"{manifest.slug}: oauth fills {wanted}, the settings of that kind are {tokens}"]
    )
    needed = () if manifest.oauth is None else manifest.oauth.app_settings
    return found + [f"{manifest.slug}: oauth needs the setting {name}" for name in needed if name not in names]


def _shared_variables() -> list[str]:
    """One environment variable never means two things; only a provider's app is shared."""
    owners: dict[str, str] = {}
    found = []
    for manifest in manifests().values():
        app = manifest.oauth.app_settings if manifest.oauth else ()
        for item in manifest.settings:
            name = manifest.variable(item)
            if item.name not in app and owners.setdefault(name, manifest.slug) != manifest.slug:
                found.append(f"{manifest.slug}: the variable {name} is {owners[name]}'s too")
    return found


def _problems_of(manifest: Manifest, folder: Path) -> list[str]:
    needed = {"manifest.py": "each service", "client.py": "each service"}
    checks = manifest.checks
    if checks.health.is_done:
        needed["health.py"] = "the check health"
    if checks.sandbox.is_done:
        needed["sandbox.py"] = "the check sandbox"
    if manifest.webhook or checks.webhook_signature.is_done:
        needed["webhook.py"] = "the webhook"
    found = [f"{manifest.slug}: {why} needs {name}" for name, why in needed.items() if not (folder / name).is_file()]
    polling = (folder / "polling.py").read_text("utf-8") if (folder / "polling.py").is_file() else ""
    found += [
        f"{manifest.slug}: polling.py has no {poll.ask}(client, since, now)"
        for poll in manifest.polls
        if f"def {poll.ask}(client" not in polling.replace("(\n    client", "(client")
    ]
    if manifest.webhook and not checks.webhook_signature.is_done:
        found.append(f"{manifest.slug}: a webhook without a verified signature")
    if checks.cost.is_done and not manifest.costs:
        found.append(f"{manifest.slug}: the check cost needs a cost table")
    if not manifest.docs_url.startswith("https://"):
        found.append(f"{manifest.slug}: docs_url is an https address")
    names = [item.name for item in manifest.settings]
    if len(names) != len(set(names)):
        found.append(f"{manifest.slug}: a setting is declared twice")
    found += [f"{manifest.slug}: a setting must not be called {name}" for name in FORM_FIELDS if name in names]
    found += [
        f"{manifest.slug}: the secret {item.name} must not have a default"
        for item in manifest.settings
        if item.secret and item.default
    ]
    return found
