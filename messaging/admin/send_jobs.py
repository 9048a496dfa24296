"""Send jobs: how each stands, by state and reason, and what a person may do with one that belongs to no campaign."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from agency.admin.asked import key_of
from agency.admin.buttons import OperationButton, calls
from agency.admin.columns import state_column
from agency.admin.forms import OptionalWhyForm
from agency.admin.pages import PageAdmin
from agency.admin.words import Tone, number, percent
from agency.kit.actor import Actor
from agency.rules.roles import OPERATE_ENGINE, RUN_CAMPAIGNS
from messaging.admin.run_buttons import pause_button, resume_button
from messaging.admin.words import ACTION_WORDS, JOB_TONES, RECIPIENT_TONES, SENDER_TONES
from messaging.kit.owners import owners_of
from messaging.models import Sender, SendJob
from messaging.operations.jobs import cancel_job, pause_job, resume_job
from messaging.operations.leases import retry_given_up
from messaging.selectors.totals import Funnel, funnel
from messaging.selectors.visible import visible_jobs
from messaging.states import OPEN_STATES, JobState, Reason, RecipientState


@dataclass(frozen=True, slots=True)
class StateLine:
    """Recipients of one state and reason."""

    label: str
    reason: str
    tone: Tone
    number: str
    share: float
    rate: str
    url: str


def state_lines(found: Funnel, job_id: int) -> list[StateLine]:
    """A line for each state and reason that has anybody, along the way a message takes."""
    address, total = reverse("admin:messaging_recipient_changelist"), found.targeted
    lines = []
    for (state, reason), count in sorted(found.counts.items()):
        query = f"?job={job_id}&state={int(state)}" + (f"&reason={int(reason)}" if reason else "")
        lines.append(
            StateLine(
                label=str(state.label),
                reason=str(reason.label) if reason else "",
                tone=RECIPIENT_TONES[state],
                number=number(count),
                share=100 * count / total if total else 0,
                rate=percent(count, total),
                url=f"{address}{query}",
            )
        )
    return lines


def given_up_number(job: SendJob) -> int:
    """Dead letters of a job."""
    return funnel([job.pk]).counts.get((RecipientState.FAILED, Reason.ATTEMPTS_EXHAUSTED), 0)


def _owned(job: SendJob) -> bool:
    """Whether it belongs to a campaign: then that is paused, and its job with it, in one step."""
    return bool(owners_of([job.pk]))


def retry_all(actor: Actor, job: SendJob, answers: Mapping[str, Any]) -> str:
    """Have all dead letters of a job tried again."""
    count = retry_given_up(job_id=job.pk, actor=actor, why=answers["why"])
    return ngettext("%(number)s message is tried again.", "%(number)s messages are tried again.", count) % {
        "number": number(count)
    }


def _left_warning(job: SendJob) -> str:
    left = number(funnel([job.pk]).of(*OPEN_STATES))
    return _(
        "%(number)s messages have not been sent yet. They will be marked as cancelled, and none of them is sent later."
    ) % {"number": left}


def retry_warning(job: SendJob) -> str:
    """What trying again means, in numbers."""
    return _(
        "%(number)s messages failed at every attempt. Each gets fresh attempts; who has asked to stop meanwhile is left out."
    ) % {"number": number(given_up_number(job))}


def _free(*states: JobState) -> Any:
    return lambda job: job.state in states and not _owned(job)


RETRY_ALL = OperationButton(
    "retry",
    gettext_lazy("Try failed ones again"),
    OPERATE_ENGINE,
    run=retry_all,
    form=OptionalWhyForm,
    warning=retry_warning,
    shown=lambda job: job.state != JobState.CANCELLED and given_up_number(job) > 0,
    icon="replay",
)


@admin.register(SendJob)
class SendJobAdmin(PageAdmin):
    """Each bounded piece of sending: campaigns' runs, single messages, replies."""

    visible_to = staticmethod(visible_jobs)
    list_select_related = ("client", "template_version__template")
    list_display = ("title", "client", "channel", "state_label", "template", "priority", "created_at", "finished_at")
    state_label = state_column(JOB_TONES)
    list_filter = ("client", "kind", "channel", "state")
    search_help_text = gettext_lazy("Number of a job")
    page_template = "messaging/send_job.html"
    action_words = ACTION_WORDS
    buttons = (
        resume_button(resume_job, "job_id", shown=_free(JobState.PAUSED)),
        pause_button(pause_job, "job_id", shown=_free(JobState.PREPARING, JobState.RUNNING)),
        RETRY_ALL,
        OperationButton(
            "cancel",
            gettext_lazy("Cancel job"),
            RUN_CAMPAIGNS,
            run=calls(cancel_job, "job_id", gettext_lazy("Cancelled. Nothing more is sent.")),
            form=OptionalWhyForm,
            warning=_left_warning,
            shown=_free(JobState.PREPARING, JobState.RUNNING, JobState.PAUSED),
            icon="cancel",
        ),
    )

    def search(self, text: str) -> models.Q:
        """By its number; anything else finds nothing."""
        return models.Q(pk=key_of(text) or 0)

    @admin.display(description=gettext_lazy("job"), ordering="id")
    def title(self, job: SendJob) -> str:
        """Kind and number."""
        return str(job)

    @admin.display(description=gettext_lazy("template"))
    def template(self, job: SendJob) -> str:
        """What it sends."""
        return str(job.template_version) if job.template_version else "–"

    def page(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """Totals by state and reason, senders, whose it is."""
        found = funnel([record.pk])
        owner = owners_of([record.pk]).get(record.pk)
        done = found.targeted - found.of(*OPEN_STATES)
        senders = Sender.objects.filter(pk__in=record.sender_ids).order_by("name")
        return {
            "tone": JOB_TONES[record.state],
            "under": " · ".join(
                str(part) for part in (record.client, record.get_kind_display(), record.get_channel_display())
            ),
            "owner": owner,
            "owner_url": reverse(f"admin:{owner.page}", args=(owner.key,)) if owner else "",
            "targeted": number(found.targeted),
            "done": number(done),
            "share": 100 * done / found.targeted if found.targeted else 0,
            "lines": state_lines(found, record.pk),
            "people_url": f"{reverse('admin:messaging_recipient_changelist')}?job={record.pk}",
            "senders": [(sender, SENDER_TONES[sender.state]) for sender in senders],
            "rate": number(record.rate_per_hour) if record.rate_per_hour else _("no limit"),
            "day": number(record.max_per_day) if record.max_per_day else _("no limit"),
        }
