"""What is held about a person leaves whole, for that person only, and never unnoticed."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from agency.models import AuditEntry
from agency.rules.roles import PERSONAL_DATA, ROLES, permissions_of
from agency.states import Role
from messaging.models import Consent, Contact, Message, Suppression
from messaging.states import ChannelKind, ConsentState, Direction
from tests.worlds import World, make_person, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """One person with something of everything, and a neighbour whose words must stay out."""
    world = make_world()
    person = world.contact
    Consent.objects.filter(contact=person).delete()
    Consent.objects.create(
        contact=person, channel=ChannelKind.SMS, state=ConsentState.GRANTED, source="balcão", recorded_at=timezone.now()
    )
    Suppression.objects.create(client=world.client, channel=ChannelKind.SMS, address=str(person.phone), reason="manual")
    neighbour = Contact.objects.create(client=world.client, name="Vizinha", phone="+5511911112222")
    for contact, text in ((person, "quero o bolo"), (neighbour, "segredo alheio")):
        Message.objects.create(
            client=world.client, contact=contact, direction=Direction.INBOUND, channel=ChannelKind.SMS, text=text
        )
    return world


def address_of(world: World) -> str:
    return reverse("admin:messaging_contact_change_do", args=(world.contact.pk, "take-out"))


def test_everything_about_the_person_and_nothing_about_others(world: World, client: Browser) -> None:
    manager = make_person("mara", Role.ACCOUNT_MANAGER, world.client)
    client.force_login(manager)
    assert client.get(address_of(world)).status_code == 200
    assert not AuditEntry.objects.filter(action="read_personal_data").exists()
    answer = client.post(address_of(world), {"why": "asked by mail on 20 November"})
    held = json.loads(answer.content)
    person = world.contact
    assert (held["contact"]["phone"], held["contact"]["attributes"]) == (person.phone, person.attributes)
    assert [(one["channel"], one["granted"], one["source"]) for one in held["consents"]] == [("sms", True, "balcão")]
    assert ("sms", person.phone) in [(one["channel"], one["address"]) for one in held["suppressions"]]
    assert "quero o bolo" in [one["text"] for one in held["messages"]]
    assert len(held["sendings"]) >= 1 and held["sendings"][0]["state"]
    assert "segredo alheio" not in answer.content.decode() and "Vizinha" not in answer.content.decode()
    assert answer["Content-Disposition"].startswith("attachment")
    entry = AuditEntry.objects.get(action="read_personal_data")
    assert (entry.user_id, entry.subject_id, entry.client) == (manager.pk, person.pk, world.client)
    assert entry.after == {"what": "person", "why": "asked by mail on 20 November"}


def test_only_who_answers_peoples_requests_may_take_it(world: World) -> None:
    for role in (Role.AGENT, Role.TECH, Role.ANALYST, Role.READ_ONLY):
        browser = Browser()
        browser.force_login(make_person(f"p-{role}", role, world.client))
        assert browser.post(address_of(world), {"why": "x"}).status_code == 403, role
    stranger = Browser()
    stranger.force_login(make_person("stranger", Role.ACCOUNT_MANAGER))
    assert stranger.post(address_of(world), {"why": "x"}).status_code in (302, 404)
    assert not AuditEntry.objects.filter(action="read_personal_data").exists()
    known = {"messaging.delete_contact", PERSONAL_DATA}
    takers = [role for role in ROLES if "messaging.delete_contact" in permissions_of(role, known)]
    assert takers == ["director", "account_manager"]
    assert all(PERSONAL_DATA in permissions_of(role, known) for role in takers)


def test_the_command_writes_the_same(world: World) -> None:
    out = StringIO()
    call_command("export_person", str(world.contact.phone), "--client", world.client.slug, stdout=out)
    assert json.loads(out.getvalue())["contact"]["name"] == world.contact.name
    assert AuditEntry.objects.get(action="read_personal_data").actor == "system:export_person"
    with pytest.raises(CommandError):
        call_command("export_person", "+5511900000000", "--client", world.client.slug, stdout=out)
