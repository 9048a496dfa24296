"""The Django project and the agency's own records. Imports the Celery app and nothing else."""

from agency.celery import app as celery_app

__all__ = ["celery_app"]
