"""Runs: how each went, its people with the reason for each non-send, and the file of them."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from agency.admin.asked import actor_of, numbers_in, page_after, position_in
from agency.admin.base import PERSONAL
from agency.admin.columns import state_column
from agency.admin.downloads import csv_response
from agency.admin.pages import PageAdmin
from agency.admin.words import Tone, duration, number
from agency.operations.bulk_reads import note_bulk_read
from agency.rules.masking import masked
from campaigns.outreach.admin.live import TEMPLATE, live_context
from campaigns.outreach.admin.words import TONES
from campaigns.outreach.models import Execution
from campaigns.outreach.selectors.people import PAGE, PeopleFilter, people_page
from campaigns.outreach.selectors.reports import execution_report, recipients_csv
from campaigns.outreach.selectors.visible import visible_executions
from campaigns.outreach.states import ExecutionState
from messaging.states import Reason, RecipientState

MAX_ATTRIBUTES = 20


@admin.register(Execution)
class ExecutionAdmin(PageAdmin):
    """One run of a campaign."""

    visible_to = staticmethod(visible_executions)
    list_select_related = ("campaign__client",)
    list_display = ("campaign", "number", "client", "state_label", "targeted", "started_at", "finished_at")
    state_label = state_column(TONES)
    list_filter = ("state",)
    page_template = "outreach/execution.html"

    @admin.display(description=_("client"))
    def client(self, execution: Execution) -> str:
        """Whose campaign it is."""
        return str(execution.campaign.client)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<path:object_id>/people/", view(self.people), name="outreach_execution_people"),
            path("<path:object_id>/people.csv", view(self.people_file), name="outreach_execution_csv"),
        ]
        return [*own, *super().get_urls()]

    def _around(self, request: HttpRequest, execution: Execution) -> dict[str, Any]:
        """What every page of a run shows."""
        return {
            "execution": execution,
            "campaign_url": reverse("admin:outreach_campaign_change", args=(execution.campaign_id,)),
            "people_url": reverse("admin:outreach_execution_people", args=(execution.pk,)),
            "csv_url": reverse("admin:outreach_execution_csv", args=(execution.pk,))
            if request.user.has_perm(PERSONAL)
            else "",
        }

    def page(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """The report of a run; it moves while the run does."""
        report = execution_report(record)
        times = report.times
        live_part = live_context(record.pk)
        return {
            **self._around(request, record),
            "report": report,
            "tone": TONES.get(ExecutionState(record.state), Tone("waiting", "circle")),
            "live_part": live_part,
            "live_html": render_to_string(TEMPLATE, live_part),
            "live_path": f"/live/executions/{record.pk}/?language={request.LANGUAGE_CODE}",
            "codes": [(code or "–", number(count)) for code, count in (report.failed_by_code or {}).items()],
            "mean": duration(times.mean) if times else "",
            "p95": duration(times.p95) if times else "",
            "delivered_messages": number(times.messages) if times else "",
        }

    def people(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The people of a run, filtered by state and reason, a page at a time by key."""
        execution = self.seen(request, object_id)
        chosen = PeopleFilter(
            states=numbers_in(request, "state", RecipientState.values),
            reasons=numbers_in(request, "reason", Reason.values),
            after=position_in(request),
        )
        rows = people_page(execution.job_id, chosen)
        if not request.user.has_perm(PERSONAL):
            for row in rows:
                row.name, row.address = masked(row.name), masked(row.address)
        return self.show(
            request,
            "outreach/people.html",
            str(execution),
            **self._around(request, execution),
            rows=rows,
            see_contacts=request.user.has_perm("messaging.view_contact"),
            next_url=page_after(request, (rows[-1].contact_id, rows[-1].step)) if len(rows) == PAGE else "",
            first_url="" if chosen.after == (0, 0) else page_after(request, None),
            chosen=[
                *(RecipientState(state).label for state in chosen.states),
                *(Reason(reason).label for reason in chosen.reasons),
            ],
        )

    def people_file(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        """Everybody of a run as CSV, for those who may read personal data; noted in the audit log. `?attributes=city,age` adds columns."""
        execution = self.seen(request, object_id)
        if not request.user.has_perm(PERSONAL):
            raise PermissionDenied
        wanted = [name.strip()[:60] for name in request.GET.get("attributes", "").split(",") if name.strip()]
        note_bulk_read(
            subject=execution,
            client=execution.campaign.client,
            what="recipients",
            details={"attributes": wanted[:MAX_ATTRIBUTES]},
            actor=actor_of(request),
        )
        pieces = recipients_csv(execution, wanted[:MAX_ATTRIBUTES])
        return csv_response(request, pieces, f"campaign-{execution.campaign_id}-{execution.number}.csv")
