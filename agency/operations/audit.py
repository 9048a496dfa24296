"""Writing the audit log."""

from collections.abc import Mapping
from typing import Any

from django.db import models

from agency.kit.actor import Actor
from agency.models import AuditEntry, Client


def record_audit(
    *,
    actor: Actor,
    action: str,
    subject: models.Model,
    client: Client | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    why: str = "",
) -> AuditEntry:
    """Write the one audit entry of an operation, inside its transaction. `before` and `after` hold only what changed, without secrets."""
    return AuditEntry.objects.create(
        actor=actor.label,
        user_id=actor.user_id,
        client=client,
        action=action,
        subject_type=subject._meta.label,
        subject_id=subject.pk,
        before=dict(before or {}),
        after=dict(after or {}),
        why=why,
    )
