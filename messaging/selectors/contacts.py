"""Contacts for lists and files: narrowed so that an index answers, whatever the number of rows."""

import json
import re
from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.spreadsheets import BYTE_ORDER_MARK, csv_lines
from messaging.models import Consent, Contact
from messaging.rules.addresses import AddressRefused, normalize_phone
from messaging.states import ChannelKind, ConsentState

FEW = 2_000  # carriers of a tag; below, they are named one by one, because the planner guesses badly at rare tags
PIECE = 2_000  # contacts of a file read at a time
_PHONE = re.compile(r"[\d\s().+-]{3,}")


def matching_text(text: str, country: str = "BR") -> Q:
    """A phone or its beginning, the beginning of an e-mail, else the beginning of a name. One index answers each."""
    written = text.strip()
    if "@" in written:
        return Q(email__startswith=written.lower())
    if _PHONE.fullmatch(written) and any(character.isdigit() for character in written):
        return _phone(written, country)
    return Q(name__istartswith=written)


def _phone(written: str, country: str) -> Q:
    digits = "".join(filter(str.isdigit, written))
    if written.startswith("+"):
        return Q(phone__startswith=f"+{digits}")
    try:
        return Q(phone=normalize_phone(written, country))
    except AddressRefused:
        return Q(phone__startswith=f"+55{digits}") if country == "BR" else Q(phone__startswith=f"+{digits}")


def tagged(contacts: QuerySet[Contact], tag: str) -> QuerySet[Contact]:
    """Those that carry the tag."""
    carriers = contacts.filter(tags__contains=[tag])
    few = list(carriers.order_by().values_list("pk", flat=True)[: FEW + 1])
    return carriers if len(few) > FEW else contacts.filter(pk__in=few)


def with_consent(contacts: QuerySet[Contact], channel: ChannelKind, state: ConsentState) -> QuerySet[Contact]:
    """Those whose present word about a channel is this."""
    said = Consent.objects.filter(contact=OuterRef("pk"), channel=channel.value, state=state.value)
    return contacts.filter(Exists(said))


def contacts_csv(contacts: QuerySet[Contact]) -> Iterator[str]:
    """The contacts as CSV, piece by piece in constant memory, in the order they were added."""
    head = (
        _("client"),
        _("name"),
        _("phone"),
        _("e-mail"),
        _("WhatsApp user id"),
        _("language"),
        _("time zone"),
        _("tags"),
        _("attributes"),
        _("replies"),
        _("created"),
    )
    yield BYTE_ORDER_MARK + csv_lines([head])
    zone = timezone.get_current_timezone()
    fields = (
        "pk", "client__name", "name", "phone", "email", "whatsapp_id", "language", "time_zone", "tags", "attributes", "replies", "created_at",
    )  # fmt: skip
    after = 0
    while rows := list(contacts.filter(pk__gt=after).order_by("pk").values_list(*fields)[:PIECE]):
        after = rows[-1][0]
        yield csv_lines([_cells(row[1:], zone) for row in rows])


def _cells(row: tuple[Any, ...], zone: Any) -> list[str]:
    *plain, tags, attributes, replies, created_at = row
    values = json.dumps(attributes, ensure_ascii=False) if attributes else ""
    return [
        *(str(value or "") for value in plain),
        ", ".join(tags),
        values,
        str(replies),
        f"{created_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
    ]
