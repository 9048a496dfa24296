"""Manifests tell the truth about their folders, the generated page is fresh, and starting imports no vendor SDK."""

import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from integrations import completeness
from integrations.catalogue import services_page
from integrations.errors import NotConfigured
from integrations.manifest import CHECK_NAMES, Cost, Poll, Setting, exempt
from integrations.registry import manifest_of, manifests, service_module
from tests.house.vendors import vendor_modules


def test_every_service_keeps_what_its_manifest_claims() -> None:
    assert completeness.problems() == []
    assert list(manifests()) == sorted(manifests())
    assert {"evolution", "resend", "smtp", "twilio", "whatsapp_cloud"} <= set(manifests())
    for manifest in manifests().values():
        assert tuple(name for name, _ in manifest.checks.items()) == CHECK_NAMES


def test_the_page_about_services_is_fresh() -> None:
    assert (Path(settings.BASE_DIR) / "docs" / "services.md").read_text("utf-8") == services_page()
    call_command("check_integrations", "--check", stdout=StringIO())


def test_a_bad_manifest_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    good = manifest_of("twilio")
    bad = replace(
        good,
        slug="twilio",
        docs_url="http://example.com",
        costs=(),
        polls=(Poll("lost_messages", 5, "x"),),
        checks=replace(good.checks, webhook_signature=exempt("too hard")),
        settings=(Setting("name", "t", "x"), Setting("a", "t", "x", secret=True, default="y"), Setting("a", "t", "x")),
    )
    monkeypatch.setattr(completeness, "manifests", lambda: {"twilio": bad})
    assert completeness.problems(tmp_path) == [
        "twilio: each service needs manifest.py",
        "twilio: each service needs client.py",
        "twilio: the check health needs health.py",
        "twilio: the check sandbox needs sandbox.py",
        "twilio: the webhook needs webhook.py",
        "twilio: polling.py has no lost_messages(client, since, now)",
        "twilio: a webhook without a verified signature",
        "twilio: the check cost needs a cost table",
        "twilio: docs_url is an https address",
        "twilio: a setting is declared twice",
        "twilio: a setting must not be called name",
        "twilio: the secret a must not have a default",
    ]
    monkeypatch.setattr("integrations.management.commands.check_integrations.problems", lambda: ["x: y"])
    with pytest.raises(CommandError, match=r"^1 problem"):
        call_command("check_integrations", "--check", stdout=StringIO(), stderr=StringIO())


def test_an_exemption_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        exempt(" ")
    assert Cost("message", "0", "BRL").note == ""


def test_an_unknown_service_is_not_configured() -> None:
    with pytest.raises(NotConfigured):
        service_module("nothing", "client")


def test_knowing_every_service_imports_no_vendor_sdk() -> None:
    """Each SDK costs seconds and megabytes; they are imported when a connection is first opened. tests/house/test_startup.py measures."""
    script = (
        "import sys, django; django.setup()\n"
        "from integrations.registry import manifests; manifests()\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert sorted(set(done.stdout.split()) & vendor_modules()) == []
