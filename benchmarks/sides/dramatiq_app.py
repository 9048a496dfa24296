"""`dramatiq benchmarks.sides.dramatiq_app`: the same task as a Dramatiq actor over Redis."""

import os

import django
import dramatiq
from dramatiq.brokers.redis import RedisBroker

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.usual.settings"
django.setup()

from benchmarks.usual.sending import send_one  # noqa: E402 -- models exist only after setup

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))  # type: ignore[no-untyped-call]  # published without types


@dramatiq.actor
def send_message(message_id: int) -> None:
    """One recipient."""
    send_one(message_id)
