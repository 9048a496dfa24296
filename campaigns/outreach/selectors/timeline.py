"""What happened to a campaign: what people did to it, and what befell its runs and senders meanwhile. From the audit log."""

import datetime as dt
from collections.abc import Sequence

from django.db.models import Min, Q

from agency.models import AuditEntry
from campaigns.outreach.models import Campaign, Execution
from messaging.models import Sender

LINES = 20
OF_JOBS = ("lose_process", "retry_given_up")
OF_SENDERS = ("restrict_sender", "pause_sender", "activate_sender")
RUNS = 20


def campaign_history(campaign: Campaign, senders: Sequence[Sender]) -> list[AuditEntry]:
    """The latest entries, newest first: the campaign's own, lost processes and retries of its runs, and stops of its senders since it began."""
    runs = Execution.objects.filter(campaign=campaign).order_by("-number")
    jobs = list(runs.values_list("job_id", flat=True)[:RUNS])
    began: dt.datetime | None = runs.aggregate(began=Min("started_at"))["began"]
    wanted = [Q(subject_type="outreach.Campaign", subject_id=campaign.pk)]
    if jobs:
        wanted.append(Q(subject_type="messaging.SendJob", subject_id__in=jobs, action__in=OF_JOBS))
    if began is not None and senders:
        ids = [sender.pk for sender in senders]
        wanted.append(Q(subject_type="messaging.Sender", subject_id__in=ids, action__in=OF_SENDERS, at__gte=began))
    # One query a kind, each answered by the index on (record, id); an OR over them would read the whole log.
    found = [entry for part in wanted for entry in AuditEntry.objects.filter(part).order_by("-id")[:LINES]]
    return sorted(found, key=lambda entry: entry.pk, reverse=True)[:LINES]
