"""Keeping the table of answered API requests small."""

from datetime import timedelta

from django.utils import timezone

from agency.models import IdempotencyRecord

KEPT = timedelta(days=7)  # how long an Idempotency-Key protects; documented with the API
PIECE = 10_000  # rows deleted at once


def forget_old_answers() -> int:
    """Delete answers older than `KEPT`, a piece at a time. Returns how many. Nothing to audit: no business data."""
    total = 0
    while True:
        old = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - KEPT).values("pk")[:PIECE]
        deleted, _by_model = IdempotencyRecord.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
        total += deleted
        if deleted < PIECE:
            return total
