"""Message campaigns: whom, what, when, by whom."""

from django.apps import AppConfig
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from agency.kit.schedules import declare_schedule
from campaigns.outreach.states import LIVE_AUDIENCE
from messaging.kit.audiences import register_audience
from messaging.kit.owners import register_owners


class OutreachConfig(AppConfig):
    name = "campaigns.outreach"
    label = "outreach"
    verbose_name = _("Campaigns")

    def ready(self) -> None:
        register_audience(LIVE_AUDIENCE, "campaigns.outreach.selectors.audience.still_in_segment")
        declare_schedule(
            "outreach.start_due_campaigns",
            "outreach.start_due_campaigns",
            queue="critical",
            interval=5,
            tick=True,
            description=gettext_noop("starts scheduled campaigns whose time has come"),
        )
        declare_schedule(
            "outreach.finish_executions",
            "outreach.finish_executions",
            queue="critical",
            interval=5,
            tick=True,
            description=gettext_noop("closes executions whose job has ended"),
        )
        # By name: selectors read models, which exist only once every app is loaded.
        register_owners("outreach", import_string("campaigns.outreach.selectors.executions.owners_of_jobs"))
