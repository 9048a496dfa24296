"""Reports, the export and the command."""

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.translation import override

from agency.kit.spreadsheets import safe_cell
from campaigns.outreach.operations.executions import start_campaign
from campaigns.outreach.operations.preparing import prepare_execution
from campaigns.outreach.operations.segments import create_segment
from campaigns.outreach.selectors.forecast import campaign_forecast
from campaigns.outreach.selectors.reports import Rate, execution_report, recipients_csv
from campaigns.outreach.states import CampaignState
from messaging.models import Contact, DeliveryEvent, Recipient, Sender, Tally
from messaging.states import Reason, RecipientState
from tests.outreach.conftest import ACTOR, Agency

pytestmark = pytest.mark.django_db
S, R = RecipientState, Reason
FATES = [
    (S.SENT, R.NONE),
    (S.DELIVERED, R.NONE),
    (S.READ, R.NONE),
    (S.REPLIED, R.NONE),
    (S.UNKNOWN, R.LEASE_EXPIRED),
    (S.SKIPPED, R.OPTED_OUT),
    (S.SKIPPED, R.OPTED_OUT),
    (S.SKIPPED, R.MISSING_VARIABLE),
    (S.FAILED, R.PROVIDER_REFUSED),
    (S.FAILED, R.ATTEMPTS_EXHAUSTED),
]


def test_the_report_adds_up(agency: Agency) -> None:
    people = agency.people(10)
    Contact.objects.filter(pk=people[0].pk).update(name="=1+1", attributes={"city": "@Santos", "age": 30})
    execution = start_campaign(campaign_id=agency.campaign().pk, actor=ACTOR)
    prepare_execution(execution_id=execution.pk)
    before = execution_report(execution)
    assert (before.targeted, before.pending, before.adds_up) == (10, 10, False)

    sent_at = timezone.now()
    for recipient, (state, reason) in zip(Recipient.objects.order_by("contact_id"), FATES, strict=True):
        Recipient.objects.filter(pk=recipient.pk).update(
            state=state, reason=reason, sent_at=sent_at, code="131026" if state == S.FAILED else None
        )
        Tally.objects.create(job_id=execution.job_id, state=S.PENDING, number=-1)
        Tally.objects.create(job_id=execution.job_id, state=state, reason=reason, number=1)
        if S.DELIVERED <= state <= S.REPLIED:
            DeliveryEvent.objects.create(
                received_on=sent_at.date(),
                connection_id=1,
                provider_event_id=str(recipient.pk),
                provider_message_id="x",
                job_id=execution.job_id,
                recipient_id=recipient.pk,
                state=S.DELIVERED,
                occurred_at=sent_at + dt.timedelta(seconds=int(state) // 10),
            )
    report = execution_report(execution)
    assert (report.targeted, report.pending, report.skipped, report.sent) == (10, 0, 3, 4)
    assert (report.delivered, report.read, report.replied, report.failed, report.unknown) == (3, 2, 1, 2, 1)
    assert report.skipped_by_reason == {R.OPTED_OUT: 2, R.MISSING_VARIABLE: 1}
    assert report.failed_by_code == {"131026": 2}
    assert report.adds_up
    assert report.delivered_rate == Rate(3, 4) and report.delivered_rate.percent == 75
    assert report.times is not None
    assert (report.times.mean, round(report.times.p95, 1), report.times.messages) == (3, 3.9, 3)

    with override("en"):
        text = "".join(recipients_csv(execution, ["city", "age"]))
    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert rows[0][-2:] == ["city", "age"] and len(rows) == 11
    assert rows[1][:6] == ["'=1+1", "'+5511910000000", "", "sent", "", ""]
    assert rows[1][-3:] == ["no", "'@Santos", "30"]
    assert rows[4][3] == "replied" and rows[4][8] == "yes"
    assert rows[9][3:6] == ["failed", "refused by the provider", "131026"]


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", "\ta", "\ra"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"


def test_the_export_comes_in_pieces(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.outreach.selectors.reports.PAGE", 2)
    agency.people(5)
    execution = start_campaign(campaign_id=agency.campaign().pk, actor=ACTOR)
    prepare_execution(execution_id=execution.pk)
    pieces = list(recipients_csv(execution))
    assert [piece.count("\r\n") for piece in pieces] == [1, 2, 2, 1]


def test_the_forecast_of_a_campaign(agency: Agency) -> None:
    agency.people(30)
    Sender.objects.update(per_second=10, per_hour=20)
    campaign = agency.campaign(max_per_day=10)
    now = timezone.now()
    found = campaign_forecast(campaign, now)
    assert (found.audience.number, found.audience.exact) == (30, True)
    assert (found.per_day, found.days_by_limit, found.course.days) == (10, 3, 3)
    assert found.cost == {"USD": Decimal("1.88")}
    assert [sender.pk for sender in found.senders] == [agency.sender.pk]

    Contact.objects.filter(name="Pessoa 3").update(time_zone="Asia/Tokyo")
    window = {"start": "09:00", "end": "10:00"}
    campaign.policy = {"zone": "contact", "window": window}
    midnight = dt.datetime(2026, 3, 10, 3, 0, tzinfo=dt.UTC)  # 00:00 in São Paulo, 12:00 in Tokyo
    course = campaign_forecast(campaign, midnight).course
    assert course.people == 30
    assert course.first_at == dt.datetime(2026, 3, 10, 12, 0, tzinfo=dt.UTC)


def test_the_command(agency: Agency, capsys: pytest.CaptureFixture[str]) -> None:
    agency.people(2)
    campaign = agency.campaign()
    with override("en"):
        call_command("campaign", "start", campaign.name)
        call_command("campaign", "pause", str(campaign.pk))
        call_command("campaign", "status", str(campaign.pk))
    out = capsys.readouterr().out
    assert f"Novidades de março (#{campaign.pk}): running" in out
    assert f"Novidades de março (#{campaign.pk}): paused" in out and "  targeted 0" in out
    with pytest.raises(CommandError) as refused:
        call_command("campaign", "start", str(campaign.pk))
    assert refused.value.returncode == 1
    with pytest.raises(CommandError) as missing:
        call_command("campaign", "status", "nothing")
    assert missing.value.returncode == 2
    agency.campaign()
    with pytest.raises(CommandError) as several:
        call_command("campaign", "status", campaign.name)
    assert several.value.returncode == 2
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED


def test_segments_and_reports_keep_their_hands_off_other_clients(agency: Agency) -> None:
    agency.people(1)
    segment = create_segment(client=agency.client, name="Todos", conditions={}, actor=ACTOR)
    other = type(agency.client).objects.create(name="Other", slug="other")
    Contact.objects.create(client=other, phone="+5511900000009")
    execution = start_campaign(campaign_id=agency.campaign(segment=segment).pk, actor=ACTOR)
    prepare_execution(execution_id=execution.pk)
    assert execution_report(execution).targeted == 1
