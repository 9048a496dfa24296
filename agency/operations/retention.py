"""What is deleted of the agency's own package, a piece at a time. The runner writes the audit entry, one a run."""

from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django_celery_results.models import GroupResult, TaskResult


@transaction.atomic
def prune_task_results(*, limit: int) -> int:
    """Delete at most `limit` results of tasks, and as many of groups; the oldest first. Returns how many."""
    before = timezone.now() - timedelta(days=settings.KEEP_DAYS["task_results"])
    deleted = 0
    for model in (TaskResult, GroupResult):
        old = model.objects.filter(date_done__lt=before).order_by("date_done").values_list("pk", flat=True)
        deleted += model.objects.filter(pk__in=list(old[:limit])).delete()[0]
    return deleted


@transaction.atomic
def prune_sessions(*, limit: int) -> int:
    """Delete at most `limit` sessions that ended long enough ago, and the entries of people's session lists that speak of none."""
    before = timezone.now() - timedelta(days=settings.KEEP_DAYS["sessions"])
    ended = Session.objects.filter(expire_date__lt=before).order_by("expire_date").values_list("pk", flat=True)
    deleted: int = Session.objects.filter(pk__in=list(ended[:limit])).delete()[0]
    lasting = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    empty = UserSession.objects.filter(
        ~Exists(Session.objects.filter(pk=OuterRef("session_key"))), last_seen_at__lt=before - lasting
    )
    deleted += UserSession.objects.filter(pk__in=list(empty.values_list("pk", flat=True)[:limit])).delete()[0]
    return deleted
