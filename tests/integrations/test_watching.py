"""Connections from the environment, all checks at once with history and alerts, the page of services, `/health/integrations`."""

import asyncio
import sys
import time
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client as Browser
from django.urls import reverse
from django.utils.translation import override
from pytest_django import Settings

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.models import Alert, Client, ClientGrant
from agency.settings.environment import read_variable
from agency.states import AlertSeverity, Role
from integrations.connections import agency_facts, facts_of
from integrations.errors import NotConfigured, RateLimited
from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState
from integrations.models import Connection, ConnectionCheck
from integrations.operations.connections import create_connection, disable_connection, update_connection
from integrations.operations.environment import sync_environment_connections
from integrations.operations.retention import prune_connection_checks
from integrations.runners.check_connection import check_connections
from integrations.runners.watching import check_all_connections
from integrations.states import CheckState, ConnectionSource
from tests.worlds import make_person, make_token

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("test")
GIVEN = {"RESEND_API_KEY": "re_environment", "RESEND_WEBHOOK_SECRET": "whsec_c2VjcmV0"}


@pytest.fixture(autouse=True)
def _alone() -> None:
    """Connections of other tests are not looked at."""
    Connection.objects.update(enabled=False)


def resend(client: Client | None = None, name: str = "Mail") -> Connection:
    secrets = {"api_key": "re_entered", "webhook_secret": "whsec_c2VjcmV0"}
    return create_connection(actor=ACTOR, service="resend", name=name, client=client, secrets=secrets)


def give(monkeypatch: pytest.MonkeyPatch, **checks: object) -> None:
    """Replace the health checks of services; the names are those of the connections."""

    def check(facts: ConnectionFacts) -> Health:
        found = checks[facts.settings.get("base_url", "").removeprefix("https://")]
        if isinstance(found, Exception):
            raise found
        if isinstance(found, float):
            time.sleep(found)
            return Health(HealthState.OK, "late")
        assert isinstance(found, Health)
        return found

    module = ModuleType("integrations.resend.health")
    module.check = check  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "integrations.resend.health", module)


def named(name: str) -> Connection:
    secrets = {"api_key": "re_entered", "webhook_secret": "whsec_c2VjcmV0"}
    settings = {"base_url": f"https://{name}"}
    return create_connection(actor=ACTOR, service="resend", name=name, settings=settings, secrets=secrets)


def test_a_connection_from_the_environment(settings: Settings) -> None:
    settings.READ_VARIABLE = lambda name: GIVEN.get(name, "")
    assert sync_environment_connections(actor=ACTOR) == 1
    assert sync_environment_connections(actor=ACTOR) == 1
    connection = Connection.objects.get(source=ConnectionSource.ENVIRONMENT)
    assert (connection.service, connection.enabled, connection.settings) == ("resend", True, {})
    assert bytes(connection.sealed_secrets) == b""
    assert facts_of(connection).secrets == {"api_key": "re_environment", "webhook_secret": "whsec_c2VjcmV0"}
    assert agency_facts("resend").secret("api_key") == "re_environment"
    for change in (update_connection, disable_connection):
        with pytest.raises(OperationRefused, match="."):
            change(actor=ACTOR, connection_id=connection.pk)
    entered = resend()
    connection.refresh_from_db()
    assert (connection.enabled, agency_facts("resend").secret("api_key")) == (False, "re_entered")
    assert sync_environment_connections(actor=ACTOR) == 0
    disable_connection(actor=ACTOR, connection_id=entered.pk)
    assert agency_facts("resend").secret("api_key") == "re_environment"
    resend(Client.objects.create(name="Mine", slug="mine"))  # a client's own changes nothing for the agency
    assert agency_facts("resend").secret("api_key") == "re_environment"
    settings.READ_VARIABLE = lambda name: ""
    assert sync_environment_connections(actor=ACTOR) == 0
    with pytest.raises(NotConfigured):
        agency_facts("resend")


def test_the_page_of_an_environment_connection_changes_nothing(settings: Settings) -> None:
    settings.READ_VARIABLE = lambda name: GIVEN.get(name, "")
    sync_environment_connections(actor=ACTOR)
    connection = Connection.objects.get(source=ConnectionSource.ENVIRONMENT)
    browser = Browser(headers={"Accept-Language": "en"})
    browser.force_login(make_person("dora", Role.DIRECTOR))
    address = reverse("admin:integrations_connection_change", args=(connection.pk,))
    page = browser.get(address).content.decode()
    assert "from the environment" in page and "re_environment" not in page
    assert 'name="api_key"' not in page and "/do/disable/" not in page and "/do/check/" in page
    assert browser.post(address, {"name": "x"}).status_code == 403


def test_variables_come_from_files_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text, binary = tmp_path / "key", tmp_path / "a1.pfx"
    text.write_text("re_file\n")
    binary.write_bytes(b"\x30\x82\xff")
    monkeypatch.setenv("ACME_KEY_FILE", str(text))
    monkeypatch.setenv("ACME_A1_FILE", str(binary))
    assert (read_variable("ACME_KEY"), read_variable("ACME_A1"), read_variable("ACME_NONE")) == ("re_file", "MIL/", "")
    monkeypatch.setenv("ACME_KEY", "re_direct")
    assert read_variable("ACME_KEY") == "re_direct"


def test_all_are_tested_at_once_and_none_harms_another(monkeypatch: pytest.MonkeyPatch) -> None:
    well, slow, other, broken, limited = map(named, ("well", "slow", "other", "broken", "limited"))
    give(
        monkeypatch,
        well=Health(HealthState.OK, "fine"),
        slow=30.0,
        other=30.0,
        broken=ValueError("secret text"),
        limited=RateLimited("resend", "health", retry_after=1),
    )
    began = time.monotonic()
    checked = check_connections(actor=ACTOR, connections=[well, slow, other, broken, limited], seconds=0.5)
    assert time.monotonic() - began < 4
    assert [each.health.state.value for each in checked] == ["ok", "failed", "failed", "failed", "degraded"]
    assert checked[1].latency_ms is not None and checked[1].latency_ms >= 500
    assert "secret text" not in str(checked[3].health.text)
    kept = ConnectionCheck.objects.order_by("connection_id").values_list("connection_id", "state")
    ids = [each.connection.pk for each in checked]
    states = [CheckState.OK, *[CheckState.FAILED] * 3, CheckState.DEGRADED]
    assert list(kept) == list(zip(ids, states, strict=True))
    alerts = Alert.objects.filter(cleared_at__isnull=True).order_by("subject_id").values_list("subject_id", "severity")
    critical, warning = int(AlertSeverity.CRITICAL), int(AlertSeverity.WARNING)
    assert list(alerts) == [*[(pk, critical) for pk in ids[1:4]], (ids[4], warning)]
    # The thread that still hangs is not joined by a second one; what is well again has no alert.
    give(monkeypatch, slow=Health(HealthState.OK), broken=Health(HealthState.OK, "again"))
    checked = check_connections(actor=ACTOR, connections=[slow, broken], seconds=0.5)
    assert [each.health.state.value for each in checked] == ["failed", "ok"]
    assert not Alert.objects.filter(cleared_at__isnull=True, subject_id=broken.pk).exists()


def test_checks_that_are_coroutines_have_their_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(facts: ConnectionFacts) -> Health:
        await asyncio.sleep(30)
        return Health(HealthState.OK)

    module = ModuleType("integrations.resend.health")
    module.check = check  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "integrations.resend.health", module)
    [checked] = check_connections(actor=ACTOR, connections=[named("well")], seconds=0.2)
    assert (checked.health.state, checked.latency_ms is not None and checked.latency_ms < 2_000) == ("failed", True)


def test_old_checks_are_deleted(settings: Settings) -> None:
    connection = named("well")
    for day in ("2026-01-01", "2026-01-02", "2099-01-01"):
        ConnectionCheck.objects.create(checked_on=day, connection_id=connection.pk, state=CheckState.OK)
    assert [prune_connection_checks(limit=1) for _piece in range(3)] == [1, 1, 0]
    assert ConnectionCheck.objects.count() == 1


def test_the_page_the_command_and_the_address_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Client.objects.create(name="Mine", slug="mine")
    well, broken = named("well"), resend(mine, "Shop mail")
    update_connection(actor=ACTOR, connection_id=broken.pk, settings={"base_url": "https://broken"})
    give(monkeypatch, well=Health(HealthState.OK), broken=Health(HealthState.FAILED, "Replace the key."))
    with override("en"):
        check_all_connections(actor=ACTOR)
    browser = Browser(headers={"Accept-Language": "en"})
    assert browser.get("/health/integrations").json() == {"status": "degraded"}
    director, manager = make_person("dora", Role.DIRECTOR), make_person("mia", Role.ACCOUNT_MANAGER)
    _token, secret = make_token(director)
    bearer = {"Authorization": f"Bearer {secret}"}
    answer = browser.get("/health/integrations", headers=bearer).json()
    latency = answer["services"]["resend"].pop("latency_ms")
    assert isinstance(latency, int)
    assert answer == {
        "status": "degraded",
        "services": {"resend": {"status": "unhealthy", "error": "Replace the key."}},
    }
    assert browser.get("/health/integrations", headers={"Authorization": "Bearer btt_no"}).status_code == 401
    browser.force_login(manager)  # without the client's grant: nothing of it
    assert browser.get("/health/integrations").json() == {"status": "healthy", "services": {}}
    services = reverse("admin:integrations_connection_services")
    assert "Shop mail" not in browser.get(services).content.decode()
    ClientGrant.objects.create(user=manager, client=mine)
    page = browser.get(services).content.decode()
    assert "Shop mail" in page and "Replace the key." in page and ">well<" not in page
    output, errors = StringIO(), StringIO()
    with pytest.raises(CommandError, match=r"^1 problem"):
        call_command("check_integrations", stdout=output, stderr=errors)
    assert "Resend (resend): failed" in output.getvalue() and f"  {well}: ok in " in output.getvalue()
    assert "Shop mail (resend): Replace the key." in errors.getvalue()
    give(monkeypatch, well=Health(HealthState.OK), broken=Health(HealthState.OK))
    call_command("check_integrations", stdout=StringIO())
    assert Browser().get("/health/integrations").json() == {"status": "healthy"}
