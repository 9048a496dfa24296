"""Answers to API requests that may be repeated."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from agency.models import IdempotencyRecord


def keep_answer(*, user_id: int, key: str, digest: str, status: int, body: Any) -> IdempotencyRecord:
    """Keep the first answer under its key, inside the transaction of the effect. Nothing to audit: the effect has its own entry."""
    return IdempotencyRecord.objects.create(user_id=user_id, key=key, digest=digest, status=status, body=body)


@transaction.atomic
def blank_answers(*, about: Mapping[str, int], fields: Sequence[str]) -> int:
    """Empty these fields of the kept answers that speak of an erased record; a repeated request still has no second effect. Returns how many."""
    blank = dict.fromkeys(fields, "")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agency_idempotencyrecord SET body = body || %s::jsonb WHERE body @> %s::jsonb AND body ?& %s",
            [json.dumps(blank), json.dumps(about), list(fields)],
        )
        return int(cursor.rowcount)


@transaction.atomic
def forget_old_answers(*, limit: int) -> int:
    """Delete at most `limit` answers that nobody will ask for again; the oldest first. Returns how many."""
    before = timezone.now() - timedelta(days=settings.KEEP_DAYS["answers"])
    old = IdempotencyRecord.objects.filter(created_at__lt=before).order_by("created_at").values_list("pk", flat=True)
    return IdempotencyRecord.objects.filter(pk__in=list(old[:limit])).delete()[0]
