"""Giving somebody what is held about a person (LGPD, article 18): never without an entry in the audit log."""

import json

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from agency.kit.actor import Actor
from agency.operations.bulk_reads import note_bulk_read
from messaging.models import Contact
from messaging.selectors.person import held_about


@transaction.atomic
def take_out_person(*, contact_id: int, actor: Actor, why: str) -> str:
    """Everything held about the person, as JSON text. The reading is noted before anything is read. Raises `Contact.DoesNotExist`."""
    contact = Contact.objects.select_related("client").get(pk=contact_id)
    note_bulk_read(
        subject=contact, client=contact.client, what="person", details={"why": why.strip()[:200]}, actor=actor
    )
    return json.dumps(held_about(contact), cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
