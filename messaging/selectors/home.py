"""Messaging for the home page: imports and senders that need somebody, imports under way."""

import datetime as dt

from agency.selectors.access import Viewer
from messaging.models import ContactImport, Sender, Template
from messaging.selectors.visible import visible_imports, visible_senders, visible_templates
from messaging.states import ImportState, SenderState, TemplateState

WEEK = dt.timedelta(days=7)
MOST = 20  # records of one kind


def failed_imports(user: Viewer, now: dt.datetime) -> list[ContactImport]:
    """Imports of the last week that could not be read."""
    failed = visible_imports(user).filter(state=ImportState.FAILED, created_at__gte=now - WEEK)
    return list(failed.order_by("-id")[:MOST])


def moving_imports(user: Viewer) -> list[ContactImport]:
    """Imports that run, or wait for their turn, newest first."""
    moving = visible_imports(user).filter(state__in=(ImportState.WAITING, ImportState.RUNNING))
    return list(moving.order_by("-id")[:MOST])


def restricted_senders(user: Viewer) -> list[Sender]:
    """Senders that a provider or a failed check has stopped."""
    return list(visible_senders(user).filter(state=SenderState.RESTRICTED).order_by("-id")[:MOST])


def rejected_templates(user: Viewer) -> list[Template]:
    """Templates that their provider has refused."""
    return list(visible_templates(user).filter(state=TemplateState.REJECTED).order_by("-id")[:MOST])
