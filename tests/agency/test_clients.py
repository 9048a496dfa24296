"""Clients and the team: taken on, changed, paused and ended through the admin; refused where the input is wrong."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.models import AuditEntry, Client, ClientGrant, Employee, User
from agency.operations.clients import change_client_state, create_client
from agency.rules.tax_ids import tax_id_in_form
from agency.selectors.access import visible_clients
from agency.states import ClientState, Role
from tests.worlds import make_person

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")
ENTERED = {
    "name": " Padaria  Aurora ",
    "slug": "padaria-aurora",
    "tax_id": "11222333000181",
    "country": "br",
    "time_zone": "America/Recife",
    "language": "pt-br",
}


def browser_of(user: User) -> Browser:
    browser = Browser(headers={"Accept-Language": "en"})
    browser.force_login(user)
    return browser


@pytest.mark.parametrize(
    ("country", "text", "kept"),
    [
        ("BR", "11222333000181", "11.222.333/0001-81"),
        ("BR", "12.ABC.345/01DE-35", "12.ABC.345/01DE-35"),
        ("BR", "52998224725", "529.982.247-25"),
        ("BR", "11222333000182", None),
        ("BR", "  ", ""),
        ("PT", " PT 501964843 ", "PT 501964843"),
        ("PT", "1" * 21, None),
    ],
)
def test_a_tax_id_is_checked_and_written_as_its_country_does(country: str, text: str, kept: str | None) -> None:
    assert tax_id_in_form(country, text) == kept


def test_a_director_takes_a_client_on_changes_pauses_and_ends_it() -> None:
    director = make_person("dora", Role.DIRECTOR)
    browser = browser_of(director)
    empty = browser.get("/admin/agency/client/add/").content.decode()
    assert 'name="slug"' in empty
    assert '<option value="America/Sao_Paulo" selected>' in empty
    assert browser.post("/admin/agency/client/add/", ENTERED).status_code == 302
    client = Client.objects.get()
    assert (client.name, client.slug, client.tax_id) == ("Padaria Aurora", "padaria-aurora", "11.222.333/0001-81")
    assert (client.country, client.time_zone, client.state) == ("BR", "America/Recife", ClientState.ACTIVE)
    assert not ClientGrant.objects.exists()  # a director sees every client

    page = f"/admin/agency/client/{client.pk}/"
    changed = ENTERED | {"name": "Aurora", "slug": "other", "time_zone": "America/Manaus"}
    assert browser.post(f"{page}change/", changed).status_code == 302
    client.refresh_from_db()
    assert (client.name, client.slug, client.time_zone) == ("Aurora", "padaria-aurora", "America/Manaus")
    assert browser.post(f"{page}do/pause/", {"why": "no invoice paid"}).status_code == 302
    assert browser.post(f"{page}do/end/", {"why": ""}).status_code == 302
    client.refresh_from_db()
    assert client.state == ClientState.ENDED
    entries = AuditEntry.objects.filter(client=client).order_by("pk")
    assert list(entries.values_list("actor", "action", "client", "before", "why")) == [
        ("dora", "create_client", client.pk, {}, ""),
        ("dora", "change_client", client.pk, {"name": "Padaria Aurora", "time_zone": "America/Recife"}, ""),
        ("dora", "change_client_state", client.pk, {"state": "active"}, "no invoice paid"),
        ("dora", "change_client_state", client.pk, {"state": "paused"}, ""),
    ]
    with pytest.raises(OperationRefused, match="does not go"):
        change_client_state(actor=SYSTEM, client_id=client.pk, state=ClientState.ACTIVE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("slug", "padaria aurora"),
        ("slug", "taken"),
        ("slug", "demo-1"),
        ("tax_id", "123"),
        ("country", "ZZ"),
        ("time_zone", "America/Nowhere"),
        ("language", "xx"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_kept(field: str, value: str) -> None:
    create_client(actor=SYSTEM, name="First", slug="taken")
    with pytest.raises(InvalidInput) as refusal:
        create_client(actor=SYSTEM, **(ENTERED | {field: value}))
    assert refusal.value.field == field
    answer = browser_of(make_person("dora", Role.DIRECTOR)).post("/admin/agency/client/add/", ENTERED | {field: value})
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]
    assert Client.objects.count() == 1


def test_who_may_only_look_cannot_and_who_creates_below_director_sees_the_client() -> None:
    manager = make_person("ana", Role.ACCOUNT_MANAGER)
    assert browser_of(manager).post("/admin/agency/client/add/", ENTERED).status_code == 403
    manager.user_permissions.add(Permission.objects.get(codename="add_client"))
    assert browser_of(manager).post("/admin/agency/client/add/", ENTERED).status_code == 302
    client = Client.objects.get()
    assert list(visible_clients(manager)) == [client]
    assert not visible_clients(make_person("bea", Role.ACCOUNT_MANAGER)).exists()
    # No right to change: neither the form nor the buttons.
    page = f"/admin/agency/client/{client.pk}/"
    assert browser_of(manager).post(f"{page}change/", ENTERED | {"name": "Mine"}).status_code == 403
    assert browser_of(manager).post(f"{page}do/pause/", {"why": ""}).status_code == 403
    client.refresh_from_db()
    assert (client.name, client.state) == ("Padaria Aurora", ClientState.ACTIVE)


def test_the_team_is_written_down_and_changed() -> None:
    director = make_person("dora", Role.DIRECTOR)
    browser = browser_of(director)
    entered = {"name": "Bia  Souza", "title": "Designer", "email": "Bia@Example.com", "phone": "", "user": director.pk}
    assert browser.post("/admin/agency/employee/add/", entered).status_code == 302
    bia = Employee.objects.get()
    assert (bia.name, bia.email, bia.user, bia.active) == ("Bia Souza", "bia@example.com", director, True)
    again = browser.post("/admin/agency/employee/add/", entered | {"name": "Caio"})
    assert list(again.context["adminform"].form.errors) == ["user"]
    left = {"name": "Bia Souza", "title": "Designer", "email": "bia@example.com", "phone": "+5511999990000", "user": ""}
    assert browser.post(f"/admin/agency/employee/{bia.pk}/change/", left).status_code == 302
    bia.refresh_from_db()
    assert (bia.active, bia.user, bia.phone) == (False, None, "+5511999990000")
    entry = AuditEntry.objects.get(action="change_employee")
    assert entry.before == {"phone": "", "user_id": director.pk, "active": True}
    # Whoever may not read phones changes the rest, and the phone stays as it is.
    other = make_person("ana", None)
    other.user_permissions.set(Permission.objects.filter(codename__in=("view_employee", "change_employee")))
    Employee.objects.update(user=other)
    changed = {"name": "Bia S.", "title": "", "email": "", "phone": "0", "user": other.pk, "active": "on"}
    assert browser_of(other).post(f"/admin/agency/employee/{bia.pk}/change/", changed).status_code == 302
    bia.refresh_from_db()
    assert (bia.name, bia.phone, bia.active) == ("Bia S.", "+5511999990000", True)
