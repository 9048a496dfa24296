"""Tasks of the agency's own records."""

from typing import Any

from celery import shared_task

from agency.operations.liveness import note_canary
from agency.runners.invitations import mail_invitation as mail_one_invitation
from agency.runners.references import look_on
from agency.runners.retention import prune_records as prune_declared_records


@shared_task(name="agency.mail_invitation")
def mail_invitation(user_id: int) -> None:
    """Mail one invitation."""
    mail_one_invitation(user_id=user_id)


@shared_task(name="agency.canary", bind=True)
def canary(self: Any) -> None:
    """Sent by Beat to every queue: whoever runs it proves that the queue it came by is consumed."""
    note_canary(queue=self.request.delivery_info["routing_key"])


@shared_task(name="agency.verify_references")
def verify_references(at: str = "", slot: str = "") -> str:
    """Look for rows that point at nothing, from where the message before stopped (a nightly slot schedule)."""
    return look_on(at=at)


@shared_task(name="agency.prune_records")
def prune_records(name: str, slot: str = "") -> str:
    """Delete what one retention declaration lets go (a slot schedule of each)."""
    return prune_declared_records(name=name)
