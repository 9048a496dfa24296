"""The history of checks of one connection."""

from datetime import UTC, timedelta

from django.utils import timezone

from integrations.models import ConnectionCheck

HISTORY_DAYS = 2  # looked at for one page; the index begins with the day


def latest_checks(connection_id: int, most: int = 60) -> list[ConnectionCheck]:
    """The newest checks of the last two days, newest first."""
    since = timezone.now().astimezone(UTC).date() - timedelta(days=HISTORY_DAYS - 1)
    found = ConnectionCheck.objects.filter(checked_on__gte=since, connection_id=connection_id)
    return list(found.order_by("-checked_on", "-id")[:most])
