"""Which schedules and slots a person sees: those of the engine belong to no client, so a permission decides alone."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import DurationField, ExpressionWrapper, F, OuterRef, QuerySet, Subquery

from agency.models import User
from automations.models import BeatLease, ScheduleRule, Slot


def visible_schedules(user: User | AnonymousUser) -> QuerySet[ScheduleRule]:
    """Every schedule with its periodic task, and how late its last slot was published (`drift`)."""
    if not user.is_active or not user.has_perm("automations.view_schedulerule"):
        return ScheduleRule.objects.none()
    published = Slot.objects.filter(key=OuterRef("periodic_task__name"), scope="", nudged_at__isnull=False)
    late = ExpressionWrapper(F("nudged_at") - F("slot"), output_field=DurationField())
    return ScheduleRule.objects.select_related(
        "periodic_task__crontab", "periodic_task__interval", "periodic_task__clocked"
    ).annotate(drift=Subquery(published.order_by("-slot").values(late=late)[:1]))


def visible_slots(user: User | AnonymousUser) -> QuerySet[Slot]:
    """The whole ledger."""
    allowed = user.is_active and user.has_perm("automations.view_slot")
    return Slot.objects.all() if allowed else Slot.objects.none()


def visible_leases(user: User | AnonymousUser) -> QuerySet[BeatLease]:
    """The one lease."""
    allowed = user.is_active and user.has_perm("automations.view_beatlease")
    return BeatLease.objects.all() if allowed else BeatLease.objects.none()
