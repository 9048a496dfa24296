"""One switch stops every outside effect: who may turn it, what everybody sees of it, and that it is written down."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.urls import reverse

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import AuditEntry, Freeze
from agency.operations.freeze import freeze_sending, lift_freeze
from agency.selectors.freeze import current_freeze
from agency.states import Role
from tests.worlds import make_person, make_token, make_world

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("tests")
WHY = "Números da Aurora foram trocados"


def entries() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.filter(subject_type="agency.Freeze").order_by("pk").values_list("action", "why"))


def test_freezing_twice_is_freezing_once_and_each_step_is_written_down() -> None:
    first = freeze_sending(actor=ACTOR, why=WHY)
    assert freeze_sending(actor=Actor.system("other"), why="again") == first
    assert current_freeze() == first
    with pytest.raises(IntegrityError), transaction.atomic():
        Freeze.objects.create(why="a second one beside it", began_by="nobody")
    lifted = lift_freeze(actor=ACTOR, why="mended")
    assert lifted is not None and lifted.ended_at is not None
    assert (lift_freeze(actor=ACTOR), current_freeze()) == (None, None)
    assert entries() == [("freeze_sending", WHY), ("lift_freeze", "mended")]
    assert freeze_sending(actor=ACTOR, why="anew") != first


def test_a_reason_is_asked_for() -> None:
    with pytest.raises(InvalidInput):
        freeze_sending(actor=ACTOR, why="  ")
    assert (Freeze.objects.count(), entries()) == (0, [])


def test_the_command_freezes_says_how_it_is_and_lifts() -> None:
    def said(*words: str) -> str:
        out = StringIO()
        call_command("freeze", *words, stdout=out)
        return out.getvalue()

    assert said("status") == "Nothing is frozen.\n"
    with pytest.raises(CommandError):
        said("on")
    assert said("on", "--why", WHY).endswith(f": {WHY}\n")
    assert said("status").startswith("Frozen since ")
    assert said("off") == "Sending goes on where it stood.\n"
    assert said("off") == "Nothing is frozen.\n"


def test_a_director_freezes_and_lifts_in_the_admin_and_everybody_reads_why(client: Browser) -> None:
    director, agent = make_person("dora", Role.DIRECTOR), make_person("ana", Role.AGENT)
    client.force_login(director)
    colleague = Browser()
    colleague.force_login(agent)
    switch, lift = (reverse("admin:agency_freeze_list_do", args=(name,)) for name in ("freeze", "lift"))

    assert colleague.post(switch, {"why": WHY}).status_code == 403
    assert current_freeze() is None
    assert client.post(switch, {"why": WHY}).status_code == 302
    assert current_freeze() is not None
    for address in ("/admin/", reverse("admin:messaging_contact_changelist"), "/accounts/preferences/"):
        shown = client.get(address).content.decode()
        assert WHY in shown and lift in shown, address
        theirs = colleague.get(address).content.decode()
        assert WHY in theirs and lift not in theirs, address
    assert WHY not in Browser().get(reverse("account_login")).content.decode()

    assert colleague.post(lift, {}).status_code == 403
    assert client.post(lift, {"why": ""}).status_code == 302
    assert current_freeze() is None
    assert WHY not in colleague.get("/admin/").content.decode()


def test_a_program_freezes_only_with_a_token_for_every_client() -> None:
    director = make_person("dora", Role.DIRECTOR)
    aurora = make_world("aurora").client
    _whole, secret = make_token(director)
    _part, narrow = make_token(director, aurora)
    manager = make_person("mara", Role.ACCOUNT_MANAGER, aurora)
    _theirs, theirs = make_token(manager)

    def post(address: str, token: str, key: str) -> tuple[int, bool | None]:
        browser = Browser(headers={"Authorization": f"Bearer {token}", "Idempotency-Key": key})
        answer = browser.post(f"/api/v1/{address}", {"why": WHY}, content_type="application/json")
        return answer.status_code, answer.json().get("frozen")

    assert [post("freeze", token, "a") for token in (narrow, theirs)] == [(403, None)] * 2
    assert post("freeze", secret, "b") == (200, True)
    assert [post("freeze/lift", token, "c") for token in (narrow, theirs)] == [(403, None)] * 2
    assert post("freeze/lift", secret, "d") == (200, False)
    assert [action for action, _why in entries()] == ["freeze_sending", "lift_freeze"]
