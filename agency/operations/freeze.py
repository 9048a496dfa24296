"""Stopping every outside effect at once, and letting them go on."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import Freeze
from agency.operations.audit import record_audit


@transaction.atomic
def freeze_sending(*, actor: Actor, why: str) -> Freeze:
    """From the commit on no claim hands a message to a provider; what is in a process's hands is finished within seconds.

    Freezing what is frozen changes nothing. Raises `InvalidInput` without a reason: whoever finds everything standing still reads it.
    """
    why = why.strip()[:300]
    if not why:
        raise InvalidInput("why_missing", _("Say why: everybody reads it while nothing is sent."), "why")
    # The unique index decides between two who do it at once.
    freeze, made = Freeze.objects.get_or_create(ended_at=None, defaults={"began_by": actor.label, "why": why})
    if made:
        record_audit(actor=actor, action="freeze_sending", subject=freeze, after={"frozen": True}, why=why)
    return freeze


@transaction.atomic
def lift_freeze(*, actor: Actor, why: str = "") -> Freeze | None:
    """Let everything go on where it stood; the dispatcher's next look, within a second, opens waves again. None: nothing was frozen."""
    freeze = Freeze.objects.select_for_update().filter(ended_at=None).first()
    if freeze is None:
        return None
    freeze.ended_at, freeze.ended_by = timezone.now(), actor.label
    freeze.save(update_fields=["ended_at", "ended_by"])
    record_audit(
        actor=actor,
        action="lift_freeze",
        subject=freeze,
        before={"frozen": True, "why": freeze.why},
        after={"frozen": False},
        why=why.strip(),
    )
    return freeze
