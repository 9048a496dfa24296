"""Contacts for lists and their files: narrowed so that an index answers, whatever the number of rows."""

import re

from django.db.models import Exists, OuterRef, Q, QuerySet

from messaging.models import Consent, Contact
from messaging.rules.addresses import AddressRefused, normalize_phone
from messaging.states import ChannelKind, ConsentState

FEW = 2_000  # carriers of a tag; below, they are named one by one, because the planner guesses badly at rare tags
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
