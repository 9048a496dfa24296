"""Finds the services: one folder with a `manifest.py` each, and imports their code by name on first use.

Vendor SDKs cost seconds to import, so a manifest is pure data and `client.py` is imported only when a connection is
first opened.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType

import integrations
from agency.kit.secrecy import mask_secrets
from integrations.errors import NotConfigured
from integrations.facts import ConnectionFacts
from integrations.manifest import Manifest

_manifests: dict[str, Manifest] = {}


def manifests() -> Mapping[str, Manifest]:
    """Every service's manifest by slug, in alphabetical order."""
    if not _manifests:
        _manifests.update(_read_manifests())
    return MappingProxyType(_manifests)


def _read_manifests() -> dict[str, Manifest]:
    found: dict[str, Manifest] = {}
    for path in sorted(Path(integrations.__path__[0]).glob("*/manifest.py")):
        manifest: Manifest = importlib.import_module(f"integrations.{path.parent.name}.manifest").MANIFEST
        if manifest.slug != path.parent.name:
            raise RuntimeError(f"{path} declares the slug {manifest.slug!r}")
        found[manifest.slug] = manifest
    return found


def manifest_of(service: str) -> Manifest:
    """The manifest of a service. Raises `NotConfigured` when there is no such service."""
    try:
        return manifests()[service]
    except KeyError:
        raise NotConfigured(service, "connect", "service_unknown", "there is no such service") from None


def service_module(service: str, role: str) -> ModuleType:
    """The module `client`, `health`, `sandbox` or `webhook` of a service, imported on first use."""
    manifest_of(service)
    return importlib.import_module(f"integrations.{service}.{role}")


def token_calls() -> ModuleType:
    """`integrations.token_calls`, imported on first use: it brings the HTTP client along."""
    return importlib.import_module("integrations.token_calls")


def build_client(connection: ConnectionFacts, *, capability: str) -> object:
    """The service's client for one connection, as its `client.build(connection)` makes it.

    Raises `NotConfigured` when the service does not offer the capability or a required setting is empty.
    """
    manifest = manifest_of(connection.service)
    if capability not in manifest.capabilities:
        raise NotConfigured(connection.service, "connect", "capability_missing", f"it does not offer {capability}")
    missing = manifest.missing(connection.settings, connection.secrets)
    if missing:
        raise NotConfigured(connection.service, "connect", "setting_missing", f"empty: {', '.join(missing)}")
    mask_secrets(connection.secrets.values())
    client: object = service_module(connection.service, "client").build(connection)
    return client
