"""`celery -A benchmarks.sides.celery_app worker`: the usual shape. Results ignored, prefork of four."""

import os

import django
from celery import Celery

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.usual.settings"
django.setup()

from benchmarks.usual.sending import send_one  # noqa: E402 -- models exist only after setup

app = Celery("usual", broker=os.environ["REDIS_URL"])
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)


@app.task(name="usual.send_message")
def send_message(message_id: int) -> None:
    """One recipient."""
    send_one(message_id)
