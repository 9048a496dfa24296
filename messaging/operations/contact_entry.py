"""Contacts given by a program or a person, a few at a time: upsert by address, change one. Files go through the importer.

The rule is the importer's, and so is the code (`merge_plan`, `merge_contacts`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import Client
from agency.operations.audit import record_audit
from messaging.models import Contact, Tag
from messaging.operations.merge_contacts import MergeSource
from messaging.operations.merge_entries import TAG_SEPARATOR, MergedRow, merge_entries
from messaging.rules.addresses import AddressProblem, AddressRefused, normalize_email, normalize_phone
from messaging.states import ChannelKind, ConsentState, RejectReason

MOST = 1_000  # people in one call
ADDRESSES = ("phone", "email", "whatsapp_id")
_WHATSAPP_ID = re.compile(r"[!-~]{1,64}")


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


def upsert_contacts(*, client: Client, people: Sequence[PersonGiven], source: str, actor: Actor) -> list[EntryOutcome]:
    """Create or update each person by the rule of `merge_plan`. One that cannot be used is refused by itself.

    Raises `InvalidInput` for more than `MOST` people, `OperationRefused` when others keep changing the same contacts.
    """
    if len(people) > MOST:
        raise InvalidInput("too_many", _("At most %(most)d contacts at once.") % {"most": MOST}, field="contacts")
    merge_source = MergeSource(source=source, proof={"by": actor.label}, recorded_at=timezone.now())
    entries = [staged_entry(number, person, client.country) for number, person in enumerate(people)]
    with transaction.atomic():
        merged = merge_entries(
            client_id=client.pk,
            rows=[entry for entry in entries if isinstance(entry, tuple)],
            source=merge_source,
        )
        outcomes = [
            _refused(entry) if isinstance(entry, RejectReason) else _outcome(merged[number])
            for number, entry in enumerate(entries)
        ]
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


def _outcome(merged: MergedRow | RejectReason) -> EntryOutcome:
    if isinstance(merged, RejectReason):
        return _refused(merged)
    return EntryOutcome(merged.contact_id, merged.outcome)


def _refused(reason: RejectReason) -> EntryOutcome:
    return EntryOutcome(None, "refused", str(reason.label))


def staged_entry(number: int, person: PersonGiven, country: str) -> tuple[object, ...] | RejectReason:
    """The person as a row of the stage, or why not. number: its place in the list, from 0."""
    given = [person.name, person.phone, person.email, person.whatsapp_id, person.language, person.time_zone]
    try:
        attributes = (
            json.dumps(dict(person.attributes), ensure_ascii=False, allow_nan=False) if person.attributes else ""
        )
        "".join((*given, *person.tags, attributes)).encode()
    except ValueError:  # half of a surrogate pair, or a number that is none
        return RejectReason.UNREADABLE_CHARACTERS
    if any("\0" in text for text in (*given, *person.tags)) or "\\u0000" in attributes:
        return RejectReason.UNREADABLE_CHARACTERS
    try:
        phone = normalize_phone(person.phone, country) if person.phone.strip() else None
    except AddressRefused as refusal:
        return RejectReason.LOST_DIGITS if refusal.problem is AddressProblem.LOST_DIGITS else RejectReason.INVALID_PHONE
    try:
        email = normalize_email(person.email) if person.email.strip() else None
    except AddressRefused:
        return RejectReason.INVALID_EMAIL
    whatsapp_id = person.whatsapp_id.strip() or None
    if whatsapp_id and not _WHATSAPP_ID.fullmatch(whatsapp_id):
        return RejectReason.INVALID_WHATSAPP_ID
    if not (phone or email or whatsapp_id):
        return RejectReason.NO_ADDRESS
    tags = dict.fromkeys(tag.strip()[:60].replace(TAG_SEPARATOR, " ") for tag in person.tags if tag.strip())
    return (
        number,
        phone,
        email,
        whatsapp_id,
        person.name.strip()[:200] or None,
        person.language.strip()[:10] or None,
        person.time_zone.strip()[:50] or None,
        TAG_SEPARATOR.join(tags) or None,
        attributes or None,
        person.consents.get(ChannelKind.WHATSAPP),
        person.consents.get(ChannelKind.EMAIL),
        person.consents.get(ChannelKind.SMS),
    )


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
