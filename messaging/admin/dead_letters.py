"""Dead letters: messages that were given up after every attempt, job by job, to be looked at and tried again."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from agency.admin.asked import key_in
from agency.admin.base import PERSONAL, RecordAdmin
from agency.admin.words import number
from agency.rules.roles import OPERATE_ENGINE
from integrations.states import InboundState
from messaging.kit.owners import owners_of
from messaging.models import DeadLetter
from messaging.selectors.recipients import PAGE, dead_letter_jobs
from messaging.selectors.visible import visible_dead_letters
from messaging.states import JobState, Reason, RecipientState

FAILED_EVENTS = "integrations.view_inboundevent"


@admin.register(DeadLetter)
class DeadLetterAdmin(RecordAdmin):
    """Which jobs have some; each message's own page is the recipient's."""

    visible_to = staticmethod(visible_dead_letters)
    list_select_related = ("job__client", "sender")
    masked_fields = {"variables": PERSONAL}
    exports = False  # its page is no list of records; a run's people have a file of their own

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Jobs with dead letters, newest first; from the totals, so that nobody is counted."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = dead_letter_jobs(request.user, key_in(request, "before"))
        shown, following = found[:PAGE], found[PAGE - 1].job.pk if len(found) > PAGE else None
        owners = owners_of([each.job.pk for each in shown])
        people = reverse("admin:messaging_recipient_changelist")
        chosen = f"state={int(RecipientState.FAILED)}&reason={int(Reason.ATTEMPTS_EXHAUSTED)}"
        lines = [
            {
                "job": each.job,
                "number": number(each.number),
                "owner": owners[each.job.pk].label if each.job.pk in owners else str(each.job),
                "people_url": f"{people}?job={each.job.pk}&{chosen}",
                "retry_url": reverse("admin:messaging_sendjob_change_do", args=(each.job.pk, "retry"))
                if request.user.has_perm(OPERATE_ENGINE) and each.job.state != JobState.CANCELLED
                else "",
            }
            for each in shown
        ]
        events = f"{reverse('admin:integrations_inboundevent_changelist')}?state__exact={int(InboundState.FAILED)}"
        return self.show(
            request,
            "messaging/dead_letters.html",
            _("Dead letters"),
            lines=lines,
            next_url=f"?before={following}" if following else "",
            events_url=events if request.user.has_perm(FAILED_EVENTS) else "",
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The recipient's page."""
        record = self.seen(request, object_id)
        return HttpResponseRedirect(reverse("admin:messaging_recipient_change", args=(record.pk,)))
