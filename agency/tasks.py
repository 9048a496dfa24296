"""Tasks of the agency's own records."""

from typing import Any

from celery import shared_task

from agency.operations.idempotency import forget_old_answers
from agency.operations.liveness import note_canary
from agency.runners.invitations import mail_invitation as mail_one_invitation


@shared_task(name="agency.mail_invitation")
def mail_invitation(user_id: int) -> None:
    """Mail one invitation."""
    mail_one_invitation(user_id=user_id)


@shared_task(name="agency.canary", bind=True)
def canary(self: Any) -> None:
    """Sent by Beat to every queue: whoever runs it proves that the queue it came by is consumed."""
    note_canary(queue=self.request.delivery_info["routing_key"])


@shared_task(name="agency.forget_answers")
def forget_answers(slot: str = "") -> None:
    """Delete answers to API requests that nobody will repeat any more."""
    forget_old_answers()
