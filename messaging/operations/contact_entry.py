"""Contacts given by a program or a person, a few at a time: upsert by address, change one. Files go through the importer.

The rule is the importer's: what is given replaces, what is not given stays, tags and attributes are added to, and a consent that was withdrawn
is not granted again by data (only by the person).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import Client
from agency.operations.audit import record_audit
from messaging.models import Consent, Contact, Tag
from messaging.rules.addresses import AddressRefused, normalize_email, normalize_phone
from messaging.states import ChannelKind, ConsentState

MOST = 1_000  # people in one call
ADDRESSES = ("phone", "email", "whatsapp_id")
PLAIN = ("name", *ADDRESSES, "language", "time_zone")


@dataclass(frozen=True, slots=True)
class PersonGiven:
    """One person as given; None and empty mean "not given". `consents` is by channel."""

    name: str = ""
    phone: str = ""
    email: str = ""
    whatsapp_id: str = ""
    language: str = ""
    time_zone: str = ""
    tags: Sequence[str] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    consents: Mapping[ChannelKind, ConsentState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EntryOutcome:
    """What came of one person: created | updated | unchanged | refused (with the reason for people)."""

    contact_id: int | None
    outcome: str
    reason: str = ""


@transaction.atomic
def upsert_contacts(*, client: Client, people: Sequence[PersonGiven], source: str, actor: Actor) -> list[EntryOutcome]:
    """Create or update each person, found by phone, e-mail or WhatsApp id. One that cannot be used is refused by itself.

    Raises `InvalidInput` for more than `MOST` people.
    """
    if len(people) > MOST:
        raise InvalidInput("too_many", _("At most %(most)d contacts at once.") % {"most": MOST}, field="contacts")
    book = _AddressBook(client, people)
    outcomes = [book.enter(person) for person in people]
    book.write(source)
    record_audit(
        actor=actor,
        action="upsert_contacts",
        subject=client,
        client=client,
        after={
            "source": source,
            **{
                kind: sum(each.outcome == kind for each in outcomes)
                for kind in ("created", "updated", "unchanged", "refused")
            },
        },
    )
    return outcomes


@transaction.atomic
def change_contact(*, contact_id: int, changes: Mapping[str, Any], actor: Actor) -> Contact:
    """Set plain fields, `tags` or `attributes` of one contact to what is given. Raises `InvalidInput`; then nothing is changed."""
    contact = Contact.objects.select_for_update(of=("self",)).select_related("client").get(pk=contact_id)
    given = dict(changes)
    for name in ("phone", "email"):
        if given.get(name):
            try:
                given[name] = _normal(name, given[name], contact.client)
            except AddressRefused as refusal:
                raise InvalidInput(refusal.problem.value, _refusal_text(refusal), field=name) from refusal
    for name in ADDRESSES:
        if name in given:
            given[name] = given[name] or None
            others = Contact.objects.filter(client=contact.client, **{name: given[name]}).exclude(pk=contact.pk)
            if given[name] and others.exists():
                raise InvalidInput("address_taken", _("Another contact has this address."), field=name)
    if not any(given.get(name, getattr(contact, name)) for name in ADDRESSES):
        raise InvalidInput("no_address", _("A contact needs a phone, an e-mail or a WhatsApp id."))
    changed = [name for name, value in given.items() if getattr(contact, name) != value]
    for name in changed:
        setattr(contact, name, given[name])
    if changed:
        contact.updated_at = timezone.now()
        contact.save(update_fields=[*changed, "updated_at"])
        _catalogue_tags(contact.client, contact.tags)
        record_audit(
            actor=actor, action="change_contact", subject=contact, client=contact.client, after={"fields": changed}
        )
    return contact


class _AddressBook:
    """The contacts that one call concerns, by address; collects what must be written."""

    def __init__(self, client: Client, people: Sequence[PersonGiven]) -> None:
        self.client = client
        self.addresses = [self._normalised(person) for person in people]
        self.turn = iter(self.addresses)
        wanted = Q()
        for name in ADDRESSES:
            values = {given[name] for given in self.addresses if isinstance(given, dict) and name in given}
            if values:
                wanted |= Q(**{f"{name}__in": values})
        known = (
            Contact.objects.filter(wanted, client=client).select_for_update(of=("self",)).order_by("pk")
            if wanted
            else ()
        )
        self.by_address = {
            (name, getattr(contact, name)): contact for contact in known for name in ADDRESSES if getattr(contact, name)
        }
        self.changed: dict[int, Contact] = {}
        self.consents: list[tuple[Contact, ChannelKind, ConsentState]] = []

    def _normalised(self, person: PersonGiven) -> dict[str, str] | AddressRefused:
        try:
            return {
                name: _normal(name, getattr(person, name), self.client)
                for name in ADDRESSES
                if getattr(person, name).strip()
            }
        except AddressRefused as refusal:
            return refusal

    def enter(self, person: PersonGiven) -> EntryOutcome:
        """Create, update or refuse one person; new ones are saved at once, because later ones of the call may be the same person."""
        addresses = next(self.turn)
        if isinstance(addresses, AddressRefused):
            return EntryOutcome(None, "refused", _refusal_text(addresses))
        if not addresses:
            return EntryOutcome(None, "refused", _("A contact needs a phone, an e-mail or a WhatsApp id."))
        found = {contact.pk: contact for key in addresses.items() if (contact := self.by_address.get(key))}
        if len(found) > 1:
            return EntryOutcome(None, "refused", _("These addresses belong to different contacts."))
        contact = next(iter(found.values()), None)
        outcome = "updated"
        if contact is None:
            contact, outcome = Contact(client=self.client), "created"
        changed = self._fill(contact, person, addresses)
        if outcome == "created":
            contact.save()
        elif changed:
            self.changed[contact.pk] = contact
        else:
            outcome = "unchanged"
        self.by_address |= dict.fromkeys(addresses.items(), contact)
        self.consents += [(contact, channel, state) for channel, state in person.consents.items()]
        return EntryOutcome(contact.pk, outcome)

    def _fill(self, contact: Contact, person: PersonGiven, addresses: Mapping[str, str]) -> bool:
        given: dict[str, Any] = {name: getattr(person, name) for name in ("name", "language", "time_zone")} | dict(
            addresses
        )
        given = {name: value for name, value in given.items() if value}
        given["tags"] = [*contact.tags, *(tag for tag in dict.fromkeys(person.tags) if tag not in contact.tags)]
        given["attributes"] = {**contact.attributes, **person.attributes}
        changed = [name for name, value in given.items() if getattr(contact, name) != value]
        for name in changed:
            setattr(contact, name, given[name])
        return bool(changed)

    def write(self, source: str) -> None:
        """Save what changed, new tags and consents."""
        now = timezone.now()
        for contact in self.changed.values():
            contact.updated_at = now
        Contact.objects.bulk_update(self.changed.values(), [*PLAIN, "tags", "attributes", "updated_at"], batch_size=500)
        _catalogue_tags(self.client, [tag for contact in self.by_address.values() for tag in contact.tags])
        present = {
            (consent.contact_id, consent.channel): consent
            for consent in Consent.objects.filter(contact__in=[contact for contact, _channel, _state in self.consents])
        }
        for contact, channel, state in self.consents:
            consent = present.get((contact.pk, channel))
            if consent is None:
                present[contact.pk, channel] = Consent.objects.create(
                    contact=contact, channel=channel, state=state, source=source[:200], recorded_at=now
                )
            elif consent.state == ConsentState.GRANTED and state == ConsentState.WITHDRAWN:
                consent.history = [
                    *consent.history,
                    {"state": consent.state, "source": consent.source, "recorded_at": consent.recorded_at.isoformat()},
                ]
                consent.state, consent.source, consent.recorded_at, consent.proof = state, source[:200], now, {}
                consent.save()


def _normal(name: str, text: str, client: Client) -> str:
    if name == "phone":
        return normalize_phone(text, client.country)
    if name == "email":
        return normalize_email(text)
    return text.strip()


def _refusal_text(refusal: AddressRefused) -> str:
    return _("An address cannot be used: %(problem)s.") % {"problem": refusal.problem.value.replace("_", " ")}


def _catalogue_tags(client: Client, names: Sequence[str]) -> None:
    Tag.objects.bulk_create([Tag(client=client, name=name) for name in sorted(set(names))], ignore_conflicts=True)
