"""Writing due slots into the ledger, before anything is published."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F
from django_celery_beat.models import PeriodicTask

from agency.kit.schedules import Missed
from agency.kit.slots import RuleError, next_slot
from automations.models import ScheduleRule, Slot
from automations.operations.lease import Hold, require_lease
from automations.rules.catch_up import Stretch, unsettled, verdict
from automations.selectors.ledger import Nudge
from automations.selectors.schedules import effective_rule, rule_of_signature, rule_signature
from automations.states import SlotReason, SlotState

logger = logging.getLogger(__name__)

# A Beat that is stopped inside its transaction must not hold the ledger: the server ends it after these seconds.
_STOPPED_TRANSACTION = "SET LOCAL idle_in_transaction_session_timeout = '5s'"


@dataclass(frozen=True, slots=True)
class Settled:
    """What one pass over one schedule brought: messages to publish, whether more waits, and when to look again."""

    nudges: tuple[Nudge, ...]
    more: bool
    next_slot: datetime | None


@transaction.atomic(durable=True)
def settle_schedule(*, task_id: int, now: datetime, hold: Hold) -> Settled:
    """Write every slot of a schedule up to `now` into the ledger, as due or as missed by its policy.

    Slots that the broker has not taken yet are decided again in the same way, so an outage of the broker and a Beat that
    was down come to the same. Raises LeaseLost when another Beat fires now; nothing is written then.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STOPPED_TRANSACTION)
    require_lease(hold)
    beside = ScheduleRule.objects.select_for_update(of=("self",)).get(periodic_task_id=task_id)
    task = PeriodicTask.objects.select_related("crontab", "interval", "clocked").get(pk=task_id)
    beside.periodic_task = task
    if not task.enabled or task.interval_id is not None:
        return Settled((), False, None)
    task.schedule_rule = beside
    rule, zone = effective_rule(task)
    signature = rule_signature(rule, zone)
    since = beside.settled_until or now
    batch = unsettled(_stretches(beside, task.date_changed, since, now), now)
    waiting = Slot.objects.filter(key=task.name, scope="", state=SlotState.DUE, nudged_at__isnull=True)
    known = set(Slot.objects.filter(key=task.name, scope="", slot__in=batch.slots).values_list("slot", flat=True))
    fresh = [slot for slot in batch.slots if slot not in known]
    decided = verdict(Missed(beside.missed), sorted({*fresh, *waiting.values_list("slot", flat=True)}), now, batch.more)
    _write(task, beside, fresh, decided.missed)
    ScheduleRule.objects.filter(pk=beside.pk).update(
        settled_until=max(since, batch.until),
        settled_rule=beside.settled_rule if batch.more else signature,
    )
    fired = waiting.filter(slot__in=decided.fire).order_by("slot")
    nudges = tuple(Nudge(*row) for row in fired.values_list("pk", "key", "queue", "slot"))
    if nudges:
        PeriodicTask.objects.filter(pk=task.pk).update(
            last_run_at=now, total_run_count=F("total_run_count") + len(nudges)
        )
    return Settled(nudges, batch.more, None if batch.more else next_slot(rule, zone, now))


def mark_published(*, slot_ids: Sequence[int]) -> None:
    """Note that the broker took a message for these slots."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE automations_slot SET nudged_at = clock_timestamp(), nudges = least(nudges + 1, 1000) WHERE id = ANY(%s)",
            [list(slot_ids)],
        )


def adopt_schedule(*, task: PeriodicTask, now: datetime) -> None:
    """Stand a rule beside a periodic task that somebody made by hand, so that it has slots from now on."""
    ScheduleRule.objects.update_or_create(
        periodic_task=task, defaults={"settled_until": now, "settled_rule": rule_signature(*effective_rule(task))}
    )


def _stretches(beside: ScheduleRule, changed_at: datetime, since: datetime, now: datetime) -> list[Stretch]:
    """Return which rule held when since the ledger was last settled: an edit counts from the moment it was made."""
    rule, zone = effective_rule(beside.periodic_task)
    if beside.settled_rule == rule_signature(rule, zone):
        return [Stretch(rule, zone, since, now)]
    edited = min(max(since, changed_at), now)
    try:
        before, there = rule_of_signature(beside.settled_rule)
    except (RuleError, ValueError, KeyError):
        return [Stretch(rule, zone, edited, now)]
    return [Stretch(before, there, since, edited), Stretch(rule, zone, edited, now)]


def count_ticks(*, task_id: int, last_run_at: datetime, ticks: int) -> None:
    """Show on a tick's schedule when it last fired and how often; counted in memory between two calls."""
    PeriodicTask.objects.filter(pk=task_id).update(
        last_run_at=last_run_at, total_run_count=F("total_run_count") + ticks
    )


def _write(task: PeriodicTask, beside: ScheduleRule, fresh: Sequence[datetime], missed: Sequence[datetime]) -> None:
    reason = SlotReason.SUPERSEDED if beside.missed == Missed.LATEST else SlotReason.LATE
    lost = set(missed)
    Slot.objects.bulk_create(
        [
            Slot(
                key=task.name,
                slot=slot,
                task=task.task,
                queue=task.queue or "",
                kwargs=json.loads(task.kwargs or "{}"),
                state=SlotState.MISSED if slot in lost else SlotState.DUE,
                reason=reason if slot in lost else "",
            )
            for slot in fresh
        ],
        ignore_conflicts=True,
    )
    if lost:
        Slot.objects.filter(
            key=task.name, scope="", state=SlotState.DUE, nudged_at__isnull=True, slot__in=missed
        ).update(state=SlotState.MISSED, reason=reason)
        logger.warning(
            "slots missed",
            extra={"schedule": task.name, "policy": beside.missed, "missed": len(lost), "first": min(lost).isoformat()},
        )
