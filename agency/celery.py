"""The Celery application: settings come from Django under the prefix `CELERY_`, tasks from each app's `tasks.py`."""

import gc
import os
import sys
from typing import Any

from celery import Celery
from celery.fixups import django as celery_fixups
from celery.loaders.app import AppLoader
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

fixups: Any = celery_fixups  # its type information names half of it
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings.local")


# Objects made since the last look before the garbage collector looks again; CPython's 700 suit a program with few live objects.
GARBAGE_THRESHOLDS = (20_000, 20, 20)


class PooledWorkerFixup(fixups.DjangoWorkerFixup):
    """Celery's own closes the whole connection pool around each task of a prefork worker: two connections more a task, each to a server
    process that knows no table yet. Here a task gives its connection back to the pool, which checks it before it lends it again."""

    def install(self) -> "PooledWorkerFixup":
        """As Celery's; what the parent opened while it started is closed before it forks."""
        super().install()
        self._close_database()
        return self

    def on_worker_process_init(self, **kwargs: Any) -> None:
        """As Celery's; and what was loaded before the fork lives as long as the process, so the garbage collector leaves it out.

        A sender makes and drops some fifty objects a message: with CPython's own thresholds a quarter of its time went into looking
        through Django's again (make bench, engine: 5,000 messages a second before, 7,100 after).
        """
        super().on_worker_process_init(**kwargs)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE_THRESHOLDS)

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


class SettingsLoader(AppLoader):
    """Celery's own, but that a worker or Beat whose settings are wrong ends with a sentence."""

    def config_from_object(self, obj: Any, silent: bool = False) -> Any:
        """As Celery's."""
        try:
            return super().config_from_object(obj, silent)
        except ImproperlyConfigured as error:
            sys.exit(str(error))


app = Celery("batuta", loader=SettingsLoader, fixups=["agency.celery:pooled_databases"])
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
