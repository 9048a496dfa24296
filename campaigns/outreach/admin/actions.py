"""What the actions of campaigns are called in the audit log."""

from django.utils.translation import gettext_lazy

from agency.admin.actions import declare_actions

declare_actions(
    {
        "archive_campaign": gettext_lazy("archived a campaign"),
        "cancel_campaign": gettext_lazy("cancelled a campaign"),
        "change_campaign": gettext_lazy("changed a campaign"),
        "change_campaign_limits": gettext_lazy("changed the limits of a campaign"),
        "change_segment": gettext_lazy("changed a segment"),
        "create_campaign": gettext_lazy("created a campaign"),
        "create_segment": gettext_lazy("created a segment"),
        "finish_campaign": gettext_lazy("closed a run: everybody has a result"),
        "miss_slot": gettext_lazy("could not start a campaign at its time"),
        "pause_campaign": gettext_lazy("paused a campaign"),
        "reopen_campaign": gettext_lazy("goes on with a run: failed messages are tried again"),
        "resume_campaign": gettext_lazy("resumed a campaign"),
        "schedule_campaign": gettext_lazy("scheduled a campaign"),
        "start_campaign": gettext_lazy("started a campaign"),
        "unschedule_campaign": gettext_lazy("took a campaign off the schedule"),
    }
)
