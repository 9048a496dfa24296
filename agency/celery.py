"""The Celery application: settings come from Django under the prefix `CELERY_`, tasks from each app's `tasks.py`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings.local")

app = Celery("batuta")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
