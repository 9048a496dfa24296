"""Connections: sealed secrets, validation, audit, visibility, rotation."""

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection as database
from django.db.models import QuerySet
from pytest_django import Settings

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import AuditEntry, Client
from integrations.connections import connection_facts, open_secrets, seal_secrets
from integrations.errors import NotConfigured
from integrations.models import Connection
from integrations.operations.connections import (
    create_connection,
    disable_connection,
    enable_connection,
    rotate_secrets,
    update_connection,
)
from integrations.selectors.connections import connections_for_channel

ACTOR = Actor.system("test")
TOKEN = "EAAB-very-secret-token-4711"
SECRETS = {"access_token": TOKEN, "app_secret": "s3cr3t-app", "verify_token": "v3rify-me"}

pytestmark = pytest.mark.django_db


def entries(subject: Connection) -> QuerySet[AuditEntry]:
    """What the audit log says about one connection; other tests leave rows of their own."""
    return AuditEntry.objects.filter(subject_type="integrations.Connection", subject_id=subject.pk).order_by("pk")


def whatsapp(client: Client | None = None, name: str = "Main") -> Connection:
    return create_connection(
        actor=ACTOR,
        service="whatsapp_cloud",
        name=name,
        client=client,
        settings={"business_account_id": "102290129340398"},
        secrets=SECRETS,
    )


def test_secrets_are_stored_encrypted_and_never_shown() -> None:
    created = whatsapp()
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT c::text || encode(sealed_secrets, 'escape') FROM integrations_connection c WHERE id = %s",
            [created.pk],
        )
        stored = cursor.fetchone()[0]
    facts = connection_facts(created.pk)
    entry = entries(created).get()
    shown = stored + repr(facts) + str(facts) + repr(created) + str(created) + str(entry.after) + str(entry.before)
    for secret in SECRETS.values():
        assert secret not in shown
    assert facts.secrets == SECRETS
    assert (entry.action, entry.after["secrets"]) == (
        "create_connection",
        ["access_token", "app_secret", "verify_token"],
    )


def test_facts_carry_defaults_and_the_webhook_address(settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "https://batuta.example.com"
    created = whatsapp()
    facts = connection_facts(created.pk)
    assert facts.settings == {
        "business_account_id": "102290129340398",
        "api_version": "v26.0",
        "base_url": "https://graph.facebook.com",
    }
    assert facts.webhook_url == f"https://batuta.example.com/webhooks/whatsapp_cloud/{created.key}"
    assert len(created.key) == 24


def test_with_a_sandbox_no_base_url_leads_to_the_real_service(settings: Settings) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:8400"
    created = create_connection(
        actor=ACTOR,
        service="evolution",
        name="Phone",
        settings={"base_url": "https://evolution.example.com"},
        secrets={"api_key": "key-12345", "webhook_token": "hook-12345"},
    )
    assert connection_facts(created.pk).setting("base_url") == "http://127.0.0.1:8400/evolution"


def test_a_disabled_or_missing_connection_is_not_configured() -> None:
    created = whatsapp()
    disable_connection(actor=ACTOR, connection_id=created.pk, why="leak")
    with pytest.raises(NotConfigured) as caught:
        connection_facts(created.pk)
    assert caught.value.code == "connection_disabled"
    enable_connection(actor=ACTOR, connection_id=created.pk)
    enable_connection(actor=ACTOR, connection_id=created.pk)
    assert connection_facts(created.pk).id == created.pk
    actions = list(entries(created).values_list("action", "why"))
    assert actions == [("create_connection", ""), ("disable_connection", "leak"), ("enable_connection", "")]
    with pytest.raises(NotConfigured) as caught:
        connection_facts(created.pk + 1)
    assert caught.value.code == "connection_missing"


@pytest.mark.parametrize(
    ("service", "settings", "secrets", "field", "code"),
    [
        ("nothing", {}, {}, "service", "service_unknown"),
        ("whatsapp_cloud", {"business_account_id": "1"}, {}, "access_token", "setting_missing"),
        ("whatsapp_cloud", {"business_account_id": "1", "colour": "red"}, SECRETS, "colour", "setting_unknown"),
        ("whatsapp_cloud", {"business_account_id": "1", "app_secret": "x"}, SECRETS, "app_secret", "setting_unknown"),
        ("whatsapp_cloud", {"business_account_id": "1", "base_url": "file:///"}, SECRETS, "base_url", "url_invalid"),
        ("whatsapp_cloud", {"business_account_id": "1", "base_url": "https://"}, SECRETS, "base_url", "url_invalid"),
        ("resend", {}, {"api_key": "re_\r\nx", "webhook_secret": "whsec_1"}, "api_key", "characters"),
    ],
)
def test_wrong_input_names_the_field_and_changes_nothing(
    service: str, settings: dict[str, str], secrets: dict[str, str], field: str, code: str
) -> None:
    before = Connection.objects.count(), AuditEntry.objects.count()
    with pytest.raises(InvalidInput) as caught:
        create_connection(actor=ACTOR, service=service, name="x", settings=settings, secrets=secrets)
    assert (caught.value.field, caught.value.code) == (field, code)
    assert (Connection.objects.count(), AuditEntry.objects.count()) == before


def test_updating_keeps_the_secrets_that_are_not_given() -> None:
    created = whatsapp()
    update_connection(
        actor=ACTOR, connection_id=created.pk, name="Renamed", secrets={"app_secret": "new", "verify_token": ""}
    )
    assert connection_facts(created.pk).secrets == {**SECRETS, "app_secret": "new"}
    entry = entries(created).get(action="update_connection")
    assert entry.before == {"name": "Main", "settings": {"business_account_id": "102290129340398"}}
    assert entry.after == {
        "name": "Renamed",
        "settings": {"business_account_id": "102290129340398"},
        "secrets changed": ["app_secret"],
    }
    update_connection(actor=ACTOR, connection_id=created.pk, name="Renamed")
    assert entries(created).filter(action="update_connection").count() == 1


def test_rotation_seals_with_the_newest_key(settings: Settings) -> None:
    before = settings.ENCRYPTION_KEYS  # other tests' connections are sealed with these
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [old]
    first, second = whatsapp(name="One"), whatsapp(name="Two")
    settings.ENCRYPTION_KEYS = [new, old, *before]
    assert connection_facts(first.pk).secrets == SECRETS
    call_command("rotate_secrets")
    settings.ENCRYPTION_KEYS = [new]
    assert [connection_facts(each.pk).secrets for each in (first, second)] == [SECRETS, SECRETS]
    assert rotate_secrets(actor=ACTOR) == (0, [])
    assert [entries(each).filter(action="rotate_secrets").count() for each in (first, second)] == [1, 1]

    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(NotConfigured) as caught:
        connection_facts(first.pk)
    assert caught.value.code == "secrets_unreadable"
    with pytest.raises(CommandError, match=f"{first.pk}, {second.pk}"):
        call_command("rotate_secrets")
    settings.ENCRYPTION_KEYS = [new]
    assert connection_facts(first.pk).secrets == SECRETS


@pytest.mark.parametrize("keys", [[], ["short"]])
def test_a_bad_encryption_key_is_said(settings: Settings, keys: list[str]) -> None:
    settings.ENCRYPTION_KEYS = keys
    with pytest.raises(NotConfigured):
        seal_secrets({"a": "b"})
    assert open_secrets(b"") == {}


def test_connections_for_a_channel_are_the_clients_and_the_agencys() -> None:
    mine = Client.objects.create(name="Mine", slug="mine")
    theirs = Client.objects.create(name="Theirs", slug="theirs")
    own, agency_wide = whatsapp(mine, "own"), whatsapp(None, "agency")
    whatsapp(theirs, "other")
    disable_connection(actor=ACTOR, connection_id=whatsapp(mine, "disabled").pk)
    found = set(connections_for_channel("whatsapp", mine))
    assert {own, agency_wide} <= found
    assert {each.client for each in found} == {mine, None} and all(each.enabled for each in found)
    assert set(connections_for_channel("email", mine).filter(client__isnull=False)) == set()
