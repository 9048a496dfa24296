"""Executions of campaigns, their recipients with the reason for each, and reports."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from agency.api.access import caller, token, visible_or_404
from agency.api.pages import Page, PageQuery, page_of
from agency.rules.masking import masked
from agency.rules.roles import PERSONAL_DATA
from campaigns.outreach.models import Execution
from campaigns.outreach.selectors.reports import Report, campaign_report, execution_report
from campaigns.outreach.selectors.visible import visible_campaigns, visible_executions
from messaging.api.fields import RecordId, state_name
from messaging.models import Contact, Recipient
from messaging.selectors.visible import visible_recipients
from messaging.states import Reason, RecipientState

router = Router()
read = token("campaigns:read", "outreach.view_execution")


class ExecutionOut(Schema):
    """One run of a campaign."""

    id: int
    campaign: int
    number: int
    state: str
    slot: datetime | None
    targeted: int
    started_at: datetime
    finished_at: datetime | None
    error: str


class RecipientOut(Schema):
    """One person in one run: what became of the message, and why. Personal values are masked for whoever may not read them."""

    id: int
    contact: int
    name: str
    address: str
    step: int
    state: str
    reason: str
    code: str
    attempt: int
    sender: int | None
    sent_at: datetime | None
    changed_at: datetime | None


class TimesOut(Schema):
    """Seconds from handing over to delivery, over so many messages."""

    mean: float
    p95: float
    messages: int


class ReportOut(Schema):
    """People; `sent` includes those delivered, read, replied. When nobody is pending: targeted = sent + skipped + failed + unknown."""

    targeted: int
    pending: int
    sent: int
    delivered: int
    read: int
    replied: int
    completed: int
    skipped: int
    skipped_by_reason: dict[str, int]
    failed: int
    failed_by_reason: dict[str, int]
    failed_by_code: dict[str, int] | None
    unknown: int
    times: TimesOut | None
    started_at: datetime | None
    finished_at: datetime | None


class ExecutionQuery(PageQuery):
    """Which runs."""

    campaign: RecordId | None = None


class RecipientQuery(PageQuery):
    """Which recipients."""

    state: Literal[*[state.name.lower() for state in RecipientState]] | None = Field(None)  # type: ignore[valid-type]


def execution_out(execution: Execution) -> ExecutionOut:
    """A run as the API shows it."""
    plain = ("number", "state", "slot", "targeted", "started_at", "finished_at", "error")
    return ExecutionOut(
        id=execution.pk, campaign=execution.campaign_id, **{name: getattr(execution, name) for name in plain}
    )


def report_out(report: Report) -> ReportOut:
    """A report as the API shows it."""
    plain = (
        "targeted",
        "pending",
        "sent",
        "delivered",
        "read",
        "replied",
        "completed",
        "skipped",
        "failed",
        "unknown",
        "started_at",
        "finished_at",
    )
    times = report.times
    return ReportOut(
        **{name: getattr(report, name) for name in plain},
        skipped_by_reason={reason.name.lower(): number for reason, number in report.skipped_by_reason.items()},
        failed_by_reason={reason.name.lower(): number for reason, number in report.failed_by_reason.items()},
        failed_by_code=dict(report.failed_by_code) if report.failed_by_code is not None else None,
        times=TimesOut(mean=times.mean, p95=times.p95, messages=times.messages) if times else None,
    )


def recipient_out(recipient: Recipient, contact: Contact | None, clear: bool) -> RecipientOut:
    """A recipient as its reader may see it; of a person who was erased only the number is left."""
    name = contact.name if contact else ""
    address = (contact.phone or contact.email or contact.whatsapp_id or "") if contact else ""
    return RecipientOut(
        id=recipient.pk,
        contact=recipient.contact_id,
        name=name if clear else masked(name),
        address=address if clear else masked(address),
        step=recipient.step,
        state=state_name(recipient.state),
        reason=Reason(recipient.reason).name.lower() if recipient.reason else "",
        code=recipient.code or "",
        attempt=recipient.attempt,
        sender=recipient.sender_id,
        sent_at=recipient.sent_at,
        changed_at=recipient.changed_at,
    )


@router.get("/executions", response=Page[ExecutionOut], auth=read, summary="List executions")
def list_executions(request: HttpRequest, query: Query[ExecutionQuery]) -> dict[str, Any]:
    """Newest first."""
    executions = visible_executions(caller(request))
    if query.campaign is not None:
        executions = executions.filter(campaign=visible_or_404(visible_campaigns(caller(request)), query.campaign))
    rows, cursor = page_of(executions, query)
    return {"items": [execution_out(execution) for execution in rows], "next_cursor": cursor}


def _execution(request: HttpRequest, execution_id: int) -> Execution:
    found: Execution = visible_or_404(visible_executions(caller(request)), execution_id)
    return found


@router.get("/executions/{int:execution_id}", response=ExecutionOut, auth=read, summary="Read an execution")
def read_execution(request: HttpRequest, execution_id: RecordId) -> ExecutionOut:
    """One run."""
    return execution_out(_execution(request, execution_id))


@router.get(
    "/executions/{int:execution_id}/recipients",
    response=Page[RecipientOut],
    auth=token("campaigns:read", "messaging.view_recipient"),
    summary="List recipients",
)
def list_recipients(request: HttpRequest, execution_id: RecordId, query: Query[RecipientQuery]) -> dict[str, Any]:
    """The people of a run, each with state and reason."""
    execution = _execution(request, execution_id)
    recipients = visible_recipients(caller(request)).select_related(None).filter(job=execution.job_id)
    if query.state is not None:
        recipients = recipients.filter(state=RecipientState[query.state.upper()])
    rows, cursor = page_of(recipients, query, ("contact_id", "step"))
    clear = caller(request).has_perm(PERSONAL_DATA)
    people = Contact.objects.in_bulk({recipient.contact_id for recipient in rows})
    return {
        "items": [recipient_out(recipient, people.get(recipient.contact_id), clear) for recipient in rows],
        "next_cursor": cursor,
    }


@router.get("/executions/{int:execution_id}/report", response=ReportOut, auth=read, summary="Report of one execution")
def read_execution_report(request: HttpRequest, execution_id: RecordId) -> ReportOut:
    """The numbers of one run as of now."""
    return report_out(execution_report(_execution(request, execution_id)))


@router.get("/campaigns/{int:campaign_id}/report", response=ReportOut, auth=read, summary="Report of a campaign")
def read_campaign_report(request: HttpRequest, campaign_id: RecordId) -> ReportOut:
    """All runs together; one person in two runs counts twice."""
    return report_out(campaign_report(visible_or_404(visible_campaigns(caller(request)), campaign_id)))
