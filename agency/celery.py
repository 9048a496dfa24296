"""The Celery application: settings come from Django under the prefix `CELERY_`, tasks from each app's `tasks.py`."""

import os
from typing import Any

from celery import Celery
from celery.fixups import django as celery_fixups
from django.db import connections

fixups: Any = celery_fixups  # its type information names half of it
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings.local")


class PooledWorkerFixup(fixups.DjangoWorkerFixup):
    """Celery's own closes the whole connection pool around each task of a prefork worker: two connections more a task, each to a server
    process that knows no table yet. Here a task gives its connection back to the pool, which checks it before it lends it again."""

    def install(self) -> "PooledWorkerFixup":
        """As Celery's; what the parent opened while it started is closed before it forks."""
        super().install()
        self._close_database()
        return self

    def close_database(self, **kwargs: Any) -> None:
        """Before and after each task: give connections back. The pools stay; a forked child still closes those it inherited."""
        for connection in connections.all(initialized_only=True):
            connection.close()


class PooledFixup(fixups.DjangoFixup):
    """Celery's Django fixup with `PooledWorkerFixup` in its workers."""

    def on_worker_init(self, **kwargs: Any) -> None:
        """As Celery's, with ours in place before it is installed."""
        self.worker_fixup = PooledWorkerFixup(self.app)
        super().on_worker_init(**kwargs)


def pooled_databases(app: Celery) -> PooledFixup:
    """The fixup that Celery calls when the application is made."""
    fixup = PooledFixup(app)
    fixup.install()
    return fixup


app = Celery("batuta", fixups=["agency.celery:pooled_databases"])
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
