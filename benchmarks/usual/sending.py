"""What one task of the other sides does: get, post, save."""

import os
import threading

import requests
from django.utils import timezone

from benchmarks.sides.rows import body_for
from benchmarks.usual.models import Message

_local = threading.local()


def send_one(message_id: int) -> None:
    """Read the row, post it with this thread's session, save what came of it."""
    session = getattr(_local, "session", None)
    if session is None:
        session = _local.session = requests.Session()
    message = Message.objects.get(pk=message_id)
    if message.state != 0:
        return
    response = session.post(
        f"{os.environ['BENCH_PROVIDER']}/v26.0/1/messages",
        json=body_for(message.name, message.phone, message.pk),
        timeout=30,
    )
    response.raise_for_status()
    message.state, message.provider_id, message.sent_at = 2, response.json()["messages"][0]["id"], timezone.now()
    message.save(update_fields=["state", "provider_id", "sent_at"])
