"""What the actions on schedules are called in the audit log."""

from django.utils.translation import gettext_lazy

from agency.admin.actions import declare_actions

declare_actions(
    {
        "schedule.change": gettext_lazy("changed a schedule"),
        "schedule.declare": gettext_lazy("brought a schedule up to date"),
        "schedule.disable": gettext_lazy("switched a schedule off"),
        "schedule.enable": gettext_lazy("switched a schedule on"),
        "schedule.reset": gettext_lazy("put a schedule back to how it was declared"),
        "schedule.run": gettext_lazy("had a schedule run at once"),
        "schedule.undeclare": gettext_lazy("switched off a schedule that no longer exists"),
        "slot.retry": gettext_lazy("had a slot run again"),
    }
)
