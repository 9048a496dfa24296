"""`python manage.py campaign start|pause|resume|cancel|status ID|NAME`: a campaign from the terminal.

Exit codes: 0 done; 1 refused, with the reason; 2 there is no such campaign, or several of that name.
"""

import getpass
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from campaigns.outreach.models import Campaign
from campaigns.outreach.operations.executions import (
    cancel_campaign,
    pause_campaign,
    resume_campaign,
    start_campaign,
)
from campaigns.outreach.selectors.executions import latest_execution
from campaigns.outreach.selectors.reports import Report, execution_report

OPERATIONS: Mapping[str, Callable[..., object]] = {
    "start": start_campaign,
    "pause": pause_campaign,
    "resume": resume_campaign,
    "cancel": cancel_campaign,
}


class Command(BaseCommand):
    """Calls one operation and prints the campaign's numbers."""

    help = "Start, pause, resume or cancel a campaign, or print its numbers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do, and with which campaign."""
        parser.add_argument("verb", choices=[*OPERATIONS, "status"])
        parser.add_argument("campaign", help="number, or name")
        parser.add_argument(
            "--client", default="", help="slug of the client, where several have a campaign of that name"
        )

    @no_translations  # half of a line in Portuguese helps nobody; pages are in the reader's language
    def handle(self, *args: Any, **options: Any) -> None:
        """Find, do, tell."""
        campaign = self._find(options["campaign"], options["client"])
        operation = OPERATIONS.get(options["verb"])
        if operation is not None:
            try:
                operation(campaign_id=campaign.pk, actor=Actor(label=f"terminal:{getpass.getuser()}"))
            except OperationRefused as refusal:
                raise CommandError(refusal.text, returncode=1) from refusal
            campaign.refresh_from_db()
        execution = latest_execution(campaign)
        self.stdout.write(f"{campaign.name} (#{campaign.pk}): {campaign.get_state_display()}")
        if execution is not None:
            self.stdout.write(f"run {execution.number}: {execution.get_state_display()}")
            for line in report_lines(execution_report(execution)):
                self.stdout.write(line)

    def _find(self, wanted: str, client: str) -> Campaign:
        campaigns = Campaign.objects.select_related("client")
        found = campaigns.filter(pk=int(wanted)) if wanted.isdecimal() else campaigns.filter(name=wanted)
        if client:
            found = found.filter(client__slug=client)
        chosen = list(found.order_by("-pk")[:2])
        if not chosen:
            raise CommandError(f"There is no campaign “{wanted}”.", returncode=2)
        if len(chosen) > 1:
            numbers = ", ".join(str(campaign.pk) for campaign in found.order_by("pk")[:20])
            raise CommandError(
                f"Several campaigns are called “{wanted}”: {numbers}. Give one of these numbers.", returncode=2
            )
        return chosen[0]


def report_lines(report: Report) -> list[str]:
    """A report for a terminal."""
    lines = [
        f"  targeted {report.targeted:,}",
        f"  pending {report.pending:,}",
        f"  sent {report.sent:,} ({report.sent_rate.percent:.1f} % of targeted)",
        f"  delivered {report.delivered:,} ({report.delivered_rate.percent:.1f} % of sent)",
        f"  read {report.read:,} ({report.read_rate.percent:.1f} % of delivered)",
        f"  replied {report.replied:,} ({report.replied_rate.percent:.1f} % of delivered)",
        f"  skipped {report.skipped:,}",
        *(f"    {reason.label}: {number:,}" for reason, number in report.skipped_by_reason.items()),
        f"  failed {report.failed:,}",
        *(f"    {reason.label}: {number:,}" for reason, number in report.failed_by_reason.items()),
        *(f"    code {code or '–'}: {number:,}" for code, number in (report.failed_by_code or {}).items()),
        f"  unknown {report.unknown:,}",
    ]
    if report.times:
        lines.append(f"  time to deliver: mean {report.times.mean:.1f} s, 95 % within {report.times.p95:.1f} s")
    return lines
