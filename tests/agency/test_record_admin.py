"""The base of every admin page: visible rows, bounded counts, masked fields, buttons that call one operation."""

import re
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client as Browser
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from agency.admin.accounts import EmployeeAdmin
from agency.admin.base import RecordAdmin
from agency.admin.pages import PageAdmin
from agency.models import ApiToken, AuditEntry, Client, ClientGrant, Employee, User
from agency.rules.masking import masked
from agency.states import Role
from messaging.models import Contact, Message
from messaging.states import ChannelKind, Direction
from tests.worlds import make_person, make_world

pytestmark = pytest.mark.django_db


def browser_of(user: User) -> Browser:
    browser = Browser(headers={"Accept-Language": "en"})
    browser.force_login(user)
    return browser


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("+5511987654321", "+55•••21"),
        ("bia.souza@example.com", "b•••@example.com"),
        ("Bia Souza", "B. S."),
        ("", ""),
        (None, None),
        ({"city": "Natal"}, {"city": "•••"}),
        (["a", "b"], ["•••"]),
        (12, None),
        ("x" * 81, "•••"),
    ],
)
def test_masking_keeps_the_kind_and_hides_the_person(value: Any, shown: Any) -> None:
    assert masked(value) == shown


def test_an_admin_must_say_who_sees_its_records() -> None:
    with pytest.raises(TypeError, match="visible_to"):
        type("NoSelector", (RecordAdmin,), {"list_select_related": ()})
    with pytest.raises(TypeError, match="list_select_related"):
        type("NoJoins", (RecordAdmin,), {"visible_to": staticmethod(lambda user: None)})


@pytest.mark.parametrize("missing", ["page", "page_template"])
def test_a_record_with_a_page_must_say_what_it_shows(missing: str) -> None:
    declared = {"page": lambda self, request, record: {}, "page_template": "messaging/sender.html"}
    rest = {"visible_to": staticmethod(lambda user: None), "list_select_related": ()}
    assert issubclass(type("Whole", (PageAdmin,), {**rest, **declared}), PageAdmin)
    with pytest.raises(TypeError, match=f"`{missing}`"):
        type("Lacking", (PageAdmin,), {**rest, **{name: each for name, each in declared.items() if name != missing}})


def test_lists_count_to_a_bound_and_go_on_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    director = make_person("dora", Role.DIRECTOR)
    clients = Client.objects.bulk_create([Client(name=f"c{number:03d}", slug=f"c{number}") for number in range(130)])
    ClientGrant.objects.bulk_create([ClientGrant(user=director, client=client) for client in clients])
    browser = browser_of(director)
    page = browser.get("/admin/agency/clientgrant/").content.decode()
    assert "page 1 · 130 records" in page
    monkeypatch.setattr("agency.admin.lists.COUNT_LIMIT", 100)
    with CaptureQueriesContext(connection) as queries:
        last = browser.get("/admin/agency/clientgrant/?p=2").content.decode()
    assert "more than 100" in last
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"] and "clientgrant" in query["sql"]]
    assert counts
    assert all("LIMIT 101" in sql for sql in counts)
    oldest = ClientGrant.objects.order_by("-pk")[99].pk
    assert f"?id__lt={oldest}" in last
    rest = browser.get(f"/admin/agency/clientgrant/?id__lt={oldest}").content.decode()
    assert "page 1 · 30 records" in rest


def test_a_rare_row_is_looked_for_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no index answers, a page looks through the newest rows only, and says where it stopped."""
    message = make_world().message
    rare = Message.objects.create(
        client=message.client, direction=Direction.INBOUND, channel=ChannelKind.EMAIL, at=message.at
    )
    for _number in range(9):
        Message.objects.create(
            client=message.client, direction=Direction.INBOUND, channel=ChannelKind.SMS, at=message.at
        )
    browser = browser_of(make_person("dora", Role.DIRECTOR))
    monkeypatch.setattr("agency.admin.lists.LOOK", 3)

    def looked(address: str) -> tuple[list[int], str, str]:
        shown = browser.get(f"/admin/messaging/message/{address}").context["cl"]
        return [each.pk for each in shown.result_list], shown.next_url, shown.count_text

    email = f"channel__exact={ChannelKind.EMAIL.value}"
    # While there is time it looks on by itself; what lies before the row it found is left to the next page.
    assert looked(f"?{email}")[0] == [rare.pk]
    monkeypatch.setattr("agency.admin.lists.LOOK_SECONDS", -1.0)
    newest, pages, address = rare.pk + 9, 0, f"?{email}"
    while True:
        found, address, said = looked(address)
        pages += 1
        if found:
            break
        assert address == f"?{email}&id__lt={newest + 1 - 3 * pages}"
        assert said == "0 found so far; older ones were not looked through yet"
    assert (found, pages) == ([rare.pk], 4)
    assert looked(f"?{email}&id__lt={rare.pk}") == ([], "", "0 records")


def test_big_lists_keep_their_order_whatever_the_address_says() -> None:
    world = make_world()
    for number in (3, 1, 2):
        Contact.objects.create(client=world.client, phone=f"+551198765432{number}")
    browser = browser_of(make_person("dora", Role.DIRECTOR))
    for column in range(7):
        shown = browser.get(f"/admin/messaging/contact/?o={column}").context["cl"]
        assert [each.pk for each in shown.result_list] == list(
            Contact.objects.order_by("-pk").values_list("pk", flat=True)
        )
        assert shown.by_key()


def test_what_is_masked_is_not_ordered_by_either() -> None:
    """Django draws no link for it, but would obey the address; the order alone would tell."""
    for name, email in (("b", "1@example.com"), ("a", "2@example.com"), ("c", "3@example.com")):
        Employee.objects.create(name=name, email=email)
    masking = type(
        "Masking", (EmployeeAdmin,), {"masked_fields": {"email": "agency.nobody_has_this"}, "abstract": True}
    )

    def names(admin: type[EmployeeAdmin]) -> list[str]:
        request = RequestFactory().get("/", {"o": "2"})
        request.user = director
        return [each.name for each in admin(Employee, site).get_changelist_instance(request).result_list]

    director = make_person("dora", Role.DIRECTOR)
    assert EmployeeAdmin.list_display[2] == "email"
    assert names(EmployeeAdmin) == ["b", "a", "c"]
    assert names(masking) == ["a", "b", "c"]


def test_a_filter_for_what_is_not_seen_asks_nobody() -> None:
    """The rows of a client that the reader does not see are not even looked for."""
    foreign = make_world().client
    mine = [Client.objects.create(name=name, slug=name) for name in ("mine", "also")]
    browser = browser_of(make_person("ana", Role.ACCOUNT_MANAGER, *mine))
    with CaptureQueriesContext(connection) as queries:
        shown = browser.get(f"/admin/agency/auditentry/?client__id__exact={foreign.pk}").context["cl"]
    assert shown.result_list == []
    assert not [query["sql"] for query in queries if 'FROM "agency_auditentry"' in query["sql"]]


def test_filters_offer_only_visible_records() -> None:
    make_world()
    mine = Client.objects.create(name="Mine", slug="mine")
    also = Client.objects.create(name="Also mine", slug="also")
    manager = make_person("ana", Role.ACCOUNT_MANAGER, mine, also)
    page = browser_of(manager).get("/admin/agency/auditentry/").content.decode()
    assert "Mine" in page
    assert "Also mine" in page
    assert "Zanzibar" not in page


def test_masked_fields_are_hidden_everywhere_and_cannot_be_asked_for() -> None:
    person = make_person("ana", Role.READ_ONLY)
    employee = Employee.objects.create(name="Ana", user=person, phone="+5511987654321")
    person.user_permissions.add(*Permission.objects.filter(codename="view_employee"))
    browser = browser_of(person)
    page = browser.get(f"/admin/agency/employee/{employee.pk}/change/").content.decode()
    assert "+55•••21" in page
    assert "987654321" not in page
    assert browser.get("/admin/agency/employee/?phone__startswith=%2B55119").status_code in (302, 400)
    director = browser_of(make_person("dora", Role.DIRECTOR))
    assert "+5511987654321" in director.get(f"/admin/agency/employee/{employee.pk}/change/").content.decode()


def test_records_are_read_only_but_for_operations() -> None:
    director = browser_of(make_person("dora", Role.DIRECTOR))
    client = Client.objects.create(name="Before", slug="before")
    entry = AuditEntry.objects.create(actor="x", action="x", subject_type="x")
    assert director.post(f"/admin/agency/auditentry/{entry.pk}/change/", {"action": "y"}).status_code == 403
    assert director.get("/admin/agency/auditentry/add/").status_code == 403
    for record in (client, entry):
        path = f"/admin/agency/{record._meta.model_name}/{record.pk}/delete/"
        assert director.post(path, {"post": "yes"}).status_code == 403
    assert Client.objects.get().name == "Before"
    assert AuditEntry.objects.filter(pk=entry.pk).exists()
    assert all(
        not model_admin.get_actions(None)
        for model_admin in site._registry.values()
        if isinstance(model_admin, RecordAdmin)
    )


def test_a_button_asks_then_calls_its_operation_and_shows_a_refusal() -> None:
    director = make_person("dora", Role.DIRECTOR)
    browser = browser_of(director)
    loja = Client.objects.create(name="Loja", slug="loja")
    assert "Invite somebody" in browser.get("/admin/agency/user/").content.decode()
    answers = {"email": "bia@example.com", "name": "Bia", "role": "agent", "clients": [loja.pk]}
    done = browser.post("/admin/agency/user/do/invite/", answers)
    assert done.headers["Location"] == "/admin/agency/user/"
    invited = User.objects.get(email="bia@example.com")
    assert list(invited.client_grants.values_list("client", flat=True)) == [loja.pk]
    assert AuditEntry.objects.get(action="invite_person").actor == "dora"
    again = browser.post("/admin/agency/user/do/invite/", answers)
    assert again.status_code == 200
    assert "already an account" in again.content.decode()
    assert browser.get("/admin/agency/user/do/nothing/").status_code == 404
    manager = browser_of(make_person("ana", Role.ACCOUNT_MANAGER))
    assert manager.post("/admin/agency/user/do/invite/", answers | {"email": "eve@example.com"}).status_code == 403
    assert not User.objects.filter(email="eve@example.com").exists()


def test_a_token_is_shown_once() -> None:
    director = make_person("dora", Role.DIRECTOR)
    browser = browser_of(director)
    answers = {"name": "CRM", "scopes": ["contacts:read"], "days": "30"}
    page = browser.post("/admin/agency/apitoken/do/issue/", answers)
    secret = re.search(r"btt_[\w-]{43}", page.content.decode())
    assert secret is not None
    assert "no-store" in page.headers["Cache-Control"]
    token = ApiToken.objects.get()
    assert secret[0] not in browser.get(f"/admin/agency/apitoken/{token.pk}/change/").content.decode()
    revoke = f"/admin/agency/apitoken/{token.pk}/do/revoke/"
    assert browser.get(revoke).status_code == 200
    assert ApiToken.objects.get().revoked_at is None
    browser.post(revoke)
    assert ApiToken.objects.get().revoked_at is not None
