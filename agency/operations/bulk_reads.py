"""Reads of personal data in bulk: each leaves an audit entry before the first row is given out."""

from collections.abc import Mapping
from typing import Any

from django.db import models, transaction

from agency.kit.actor import Actor
from agency.models import Client
from agency.operations.audit import record_audit


@transaction.atomic
def note_bulk_read(
    *, subject: models.Model, client: Client | None, what: str, details: Mapping[str, Any], actor: Actor
) -> None:
    """Note that `actor` takes a file of people away. `what` names it ("contacts", "rejected_rows"); `details` holds filters, never people."""
    record_audit(
        actor=actor, action="read_personal_data", subject=subject, client=client, after={"what": what, **details}
    )
