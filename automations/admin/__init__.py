"""Admin pages of the clock; they replace django-celery-beat's own, which write past the ledger and the audit log."""

from django.contrib import admin
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from automations.admin import actions as actions
from automations.admin import home as home
from automations.admin.schedules import ScheduleAdmin
from automations.admin.slots import BeatLeaseAdmin, SlotAdmin

__all__ = ["BeatLeaseAdmin", "ScheduleAdmin", "SlotAdmin"]

for _replaced in (PeriodicTask, CrontabSchedule, IntervalSchedule, SolarSchedule, ClockedSchedule):
    if admin.site.is_registered(_replaced):
        admin.site.unregister(_replaced)
