"""Whether each service's folder keeps what its manifest claims."""

from pathlib import Path

import integrations
from integrations.manifest import Manifest
from integrations.registry import manifests

ROOT = Path(integrations.__path__[0])
FORM_FIELDS = ("name", "client", "service")  # the form of a connection has these besides the settings


def problems(root: Path | None = None) -> list[str]:
    """One sentence per broken claim; an empty list when all manifests are true."""
    found: list[str] = []
    for manifest in manifests().values():
        found += _problems_of(manifest, (root or ROOT) / manifest.slug)
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
