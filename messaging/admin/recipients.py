"""Recipients: of one job or one person, with the reason for each message that did not go out; never a list of all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agency.admin.asked import key_in, numbers_in, page_after, position_in
from agency.admin.base import PERSONAL
from agency.admin.buttons import OperationButton
from agency.admin.forms import OptionalWhyForm
from agency.admin.pages import PageAdmin
from agency.admin.words import Tone, moment
from agency.kit.actor import Actor
from agency.rules.masking import masked
from agency.rules.roles import OPERATE_ENGINE
from messaging.admin.words import RECIPIENT_TONES, reason_sentence
from messaging.kit.owners import owners_of
from messaging.models import Contact, Recipient, SendJob
from messaging.operations.leases import retry_given_up
from messaging.rules.rendering import Rendered, TemplateInvalid, VariableMissing, compile_wording, nest
from messaging.selectors.plans import wording_of
from messaging.selectors.recipients import (
    RecipientFilter,
    RecipientLine,
    contact_recipients,
    job_recipients,
    reports_of,
    with_people,
)
from messaging.selectors.visible import visible_contacts, visible_jobs, visible_recipients
from messaging.states import JobState, Reason, RecipientState

JOBS = 20
# What a filter offers; "being handed over" counts as waiting, as in every total.
STATES = tuple(state for state in RecipientState if state is not RecipientState.LEASED)
REASONS = tuple(reason for reason in Reason if reason is not Reason.NONE)


@dataclass(frozen=True, slots=True)
class Shown:
    """One recipient as a list shows it."""

    recipient: Recipient
    name: str
    address: str
    tone: Tone
    state: str
    why: str
    due: str
    sent: str


def shown(line: RecipientLine, *, clear: bool) -> Shown:
    """A line in words. `clear` shows names and addresses."""
    row, person = line.recipient, line.person
    name = person.name if person else ""
    address = (person.phone or person.email or person.whatsapp_id or "") if person else ""
    waiting = row.state == RecipientState.PENDING
    return Shown(
        recipient=row,
        name=(name if clear else str(masked(name))) if person else _("erased"),
        address=address if clear else str(masked(address)),
        tone=RECIPIENT_TONES[row.state],
        state=str(RecipientState(row.state).label),
        why=reason_sentence(row),
        due=moment(row.not_before) if waiting and row.not_before > timezone.now() else "",
        sent=moment(row.sent_at) if row.sent_at else "",
    )


def is_dead_letter(recipient: Recipient) -> bool:
    """Given up after all attempts, in a job that may still send."""
    given_up = recipient.state == RecipientState.FAILED and recipient.reason == Reason.ATTEMPTS_EXHAUSTED
    return given_up and recipient.job.state != JobState.CANCELLED


def _retry(actor: Actor, recipient: Recipient, answers: Mapping[str, Any]) -> str:
    retry_given_up(job_id=recipient.job_id, actor=actor, recipient_ids=[recipient.pk], why=answers["why"])
    return _("It is tried again.")


@admin.register(Recipient)
class RecipientAdmin(PageAdmin):
    """What was or will be sent to whom, and what became of it."""

    visible_to = staticmethod(visible_recipients)
    list_select_related = ("job__client", "sender")
    masked_fields = {"variables": PERSONAL}
    page_template = "messaging/recipient.html"
    exports = False  # its page is no list of records; a run's people have a file of their own
    buttons = (
        OperationButton(
            "retry",
            gettext_lazy("Try again"),
            OPERATE_ENGINE,
            run=_retry,
            form=OptionalWhyForm,
            warning=lambda recipient: _("Every attempt failed. It gets fresh attempts, beginning at once."),
            shown=is_dead_letter,
            icon="replay",
        ),
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The recipients of a job (`?job=`) or of a person (`?contact=`), a page at a time by key; without either, which jobs there are."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        chosen = RecipientFilter(
            states=numbers_in(request, "state", RecipientState.values),
            reasons=numbers_in(request, "reason", Reason.values),
            after=position_in(request),
        )
        job = _of(visible_jobs(request.user), key_in(request, "job"), "job" in request.GET)
        person = _of(visible_contacts(request.user), key_in(request, "contact"), "contact" in request.GET)
        context: dict[str, Any] = {"lines": [], "jobs": []}
        if isinstance(job, SendJob):
            page = job_recipients(job.pk, chosen)
        elif isinstance(person, Contact):
            page = contact_recipients(request.user, person, chosen, chosen.after if chosen.after != (0, 0) else None)
        else:
            page = None
            context["jobs"] = self._latest_jobs(request)
        clear = request.user.has_perm(PERSONAL)
        if page is not None:
            context |= {
                "lines": [shown(line, clear=clear) for line in page.lines],
                "searching": page.searching,
                "next_url": page_after(request, page.following) if page.following else "",
                "first_url": page_after(request, None) if chosen.after != (0, 0) else "",
            }
        context |= {
            "job": job,
            "person": person,
            "person_name": _name(person, clear=clear),
            "owner": owners_of([job.pk]).get(job.pk) if job else None,
            "states": [(state.value, state.label, state in chosen.states) for state in STATES],
            "reasons": [(reason.value, reason.label, reason in chosen.reasons) for reason in REASONS],
            "filtered": bool(chosen.states or chosen.reasons),
        }
        return self.show(request, "messaging/recipients.html", _("Recipients"), **context)

    def _latest_jobs(self, request: HttpRequest) -> list[tuple[SendJob, str]]:
        jobs = list(visible_jobs(request.user).order_by("-pk")[:JOBS])
        owners = owners_of([job.pk for job in jobs])
        return [(job, owners[job.pk].label if job.pk in owners else "") for job in jobs]

    def page(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """One message: why, when, by whom, its words, and what its provider reported."""
        clear = request.user.has_perm(PERSONAL)
        line = shown(with_people([record])[0], clear=clear)
        owner = owners_of([record.job_id]).get(record.job_id)
        return {
            "title": line.name or f"#{record.pk}",
            "line": line,
            "tone": line.tone,
            "under": f"{record.job.client} · {record.job}",
            "owner": owner,
            "owner_url": reverse(f"admin:{owner.page}", args=(owner.key,)) if owner else "",
            "job_url": f"{reverse('admin:messaging_recipient_changelist')}?job={record.job_id}",
            "contact_url": f"{reverse('admin:messaging_recipient_changelist')}?contact={record.contact_id}",
            "words": _words(record) if clear else None,
            "clear": clear,
            "values": sorted((record.variables or {}).items()),
            "reports": reports_of(record, timezone.now().date()),
        }


def _of(visible: Any, key: int | None, asked: bool) -> Any:
    """The record that the address names, among the visible ones; None when it names none. Raises Http404 for one that is not there."""
    if not asked:
        return None
    found = visible.filter(pk=key).first() if key is not None else None
    if found is None:
        raise Http404
    return found


def _name(person: Contact | None, *, clear: bool) -> str:
    if person is None:
        return ""
    return str(person) if clear else str(masked(str(person)))


def _words(recipient: Recipient) -> Rendered | None:
    """The message as it was sent, filled again from the immutable version and the stored values; None before, or where none were kept."""
    version = recipient.job.template_version
    if version is None or recipient.sent_at is None:
        return None
    try:
        compiled = compile_wording(wording_of(version))
        if compiled.paths and not recipient.variables:
            return None
        return compiled.fill(nest(recipient.variables or {}))
    except (TemplateInvalid, VariableMissing):
        return None
