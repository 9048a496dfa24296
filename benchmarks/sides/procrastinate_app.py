"""`procrastinate --app benchmarks.sides.procrastinate_app.app worker`: the same task as a Procrastinate job in PostgreSQL."""

import os

import django
from procrastinate import App, PsycopgConnector

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.usual.settings"
django.setup()

from benchmarks.usual.sending import send_one  # noqa: E402 -- models exist only after setup

app = App(connector=PsycopgConnector(conninfo=os.environ["DATABASE_URL"]))


@app.task(name="send_message", queue="bench")
def send_message(message_id: int) -> None:
    """One recipient; a synchronous task runs in a thread of the worker."""
    send_one(message_id)
