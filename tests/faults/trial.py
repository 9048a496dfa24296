"""One trial: a client of its own, its people and numbers, one job; and the exact account of it at the end."""

import itertools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection, transaction

from agency.kit.actor import Actor
from agency.models import Client
from campaigns.outreach.demo.platform import Platform
from integrations.operations.connections import create_connection
from integrations.sandbox.log import Acceptance
from messaging.ledger import LedgerReport, compare_ledger
from messaging.models import Contact, Recipient, Sender, SendJob, Template, TemplateVersion, Wave
from messaging.operations.jobs import JobOrder, add_recipients, complete_audience, open_job
from messaging.selectors.totals import Funnel, counted_funnel, funnel
from messaging.states import ChannelKind, JobState, MessageKind, RecipientState, TemplateState, WaveState
from tests.faults.table import Broken

ACTOR = Actor.system("faults")
_numbers = itertools.count(1)


@dataclass
class Trial:
    """What a row works with. `job_ids` are all jobs that its account covers; `seen` what the log said of its numbers so far."""

    platform: Platform
    client: Client
    version: TemplateVersion
    senders: list[Sender]
    position: int
    job_ids: list[int] = field(default_factory=list)
    seen: list[Acceptance] = field(default_factory=list)

    @property
    def job_id(self) -> int:
        """The first job."""
        return self.job_ids[0]

    def start(self, *, steps: int = 1, priority: int = 0, announce: bool = True) -> int:
        """Open a job to everybody, with one recipient a step, and release it; returns its id."""
        order = JobOrder(
            client=self.client,
            kind=MessageKind.CAMPAIGN,
            channel=ChannelKind.WHATSAPP,
            sender_ids=[sender.pk for sender in self.senders],
            template_version=self.version,
            priority=priority,
        )
        people = Contact.objects.filter(client=self.client).order_by("pk")
        job = open_job(order=order, actor=ACTOR)
        self.job_ids.append(job.pk)
        for step in range(steps):
            add_recipients(job=job, contacts=people, up_to_id=2**62, step=step)
        if announce:
            complete_audience(job_id=job.pk)
        else:
            with transaction.atomic():  # the process is lost between its commit and the publishing of the nudge
                complete_audience(job_id=job.pk)
                transaction.get_connection().run_on_commit.clear()
        return job.pk

    def job(self) -> SendJob:
        """The first job, read now."""
        return SendJob.objects.get(pk=self.job_id)

    def finished(self) -> bool:
        """Whether every job is final: finished, or cancelled with nothing open; and every wave closed."""
        final = SendJob.objects.filter(pk__in=self.job_ids, finished_at__isnull=False).count() == len(self.job_ids)
        return final and not Wave.objects.filter(job_id__in=self.job_ids, state=WaveState.OPEN).exists()

    def acceptances(self) -> Sequence[Acceptance]:
        """What the provider accepted from this trial's numbers until now."""
        ours = {sender.address for sender in self.senders}
        while True:
            page, following = self.platform.sandbox.control.acceptances_since(self.position)
            if not page:
                return self.seen
            self.seen.extend(each for each in page if each.sender in ours)
            self.position = following

    def accepted(self) -> int:
        """How many that is."""
        return len(self.acceptances())

    def fastest(self, seconds: float) -> int:
        """The most messages that one number had accepted within any so many seconds."""
        most = 0
        for sender in self.senders:
            times = sorted(each.at for each in self.acceptances() if each.sender == sender.address)
            first = 0
            for last, at in enumerate(times):
                while at - times[first] > seconds:
                    first += 1
                most = max(most, last - first + 1)
        return most

    def in_hand(self) -> set[tuple[int, int | None]]:
        """The leases that stand now, as (recipient, lease)."""
        rows = Recipient.objects.filter(job_id__in=self.job_ids, state=RecipientState.LEASED)
        return set(rows.values_list("pk", "lease"))

    def describe(self) -> str:
        """Where the jobs stand, for the message of a row that failed."""
        words = []
        for job in SendJob.objects.filter(pk__in=self.job_ids[:3]):
            waves = Wave.objects.filter(job=job, state=WaveState.OPEN).count()
            words.append(
                f"job {job.pk} {job.get_state_display()}, next look {job.next_wave_at}, {job.waves_opened} waves ({waves} open): "
                f"{_words(counted_funnel(job.pk))}, {len(self.in_hand())} leased, {self.accepted()} accepted"
            )
        return "; ".join(words)

    def account(self, *, unknown: int) -> str:
        """Compare ledger, log, totals and waves exactly; returns the account in words. Raises Broken."""
        report = compare_ledger(self.job_ids, self.acceptances())
        problems = [*_ledger_problems(report, unknown)]
        for job_id in self.job_ids:
            counted, totals = counted_funnel(job_id), funnel([job_id])
            if dict(counted.counts) != dict(totals.counts):
                problems.append(f"totals of job {job_id} say {_words(totals)}, its rows {_words(counted)}")
            problems += _wave_problems(SendJob.objects.get(pk=job_id))
        if problems:
            raise Broken("; ".join(problems))
        return (
            f"{report.targeted:,} targeted, {report.accepted:,} accepted, {report.lost} lost, "
            f"{report.duplicated} duplicated, {report.unknown} unknown"
        )


def _ledger_problems(report: LedgerReport, unknown: int) -> list[str]:
    problems = []
    if not report.agree:
        problems.append(
            f"{report}, {report.strangers} strangers (lost {report.lost_sample}, twice {report.duplicated_sample})"
        )
    if report.open_rows:
        problems.append(f"{report.open_rows} rows are not final")
    if report.unknown > unknown:
        problems.append(f"{report.unknown} unknown, at most {unknown} allowed")
    return problems


def _wave_problems(job: SendJob) -> list[str]:
    """Each wave that was opened exists once, is closed, and says when."""
    waves = list(Wave.objects.filter(job=job).order_by("number").values_list("number", "state", "closed_at"))
    problems = []
    if [number for number, _, _ in waves] != list(range(1, job.waves_opened + 1)):
        problems.append(f"job {job.pk} opened {job.waves_opened} waves, {len(waves)} exist")
    if not all(state == WaveState.CLOSED and closed_at for _, state, closed_at in waves):
        problems.append(f"a wave of job {job.pk} is not closed")
    if job.state not in (JobState.FINISHED, JobState.CANCELLED) or job.finished_at is None:
        problems.append(f"job {job.pk} is {job.get_state_display()}, not final")
    return problems


def _words(found: Funnel) -> str:
    return ", ".join(
        f"{state.name.lower()}/{reason.name.lower()} {number}"
        for (state, reason), number in sorted(found.counts.items())
    )


def make_trial(platform: Platform, *, people: int, per_second: int | None, numbers: int) -> Trial:
    """A client with people, a template, and numbers of its own at the sandbox."""
    place = next(_numbers)
    mark = secrets.token_hex(4)
    client = Client.objects.create(name=f"Trial {mark}", slug=f"trial-{mark}")
    account = create_connection(
        actor=ACTOR,
        service="whatsapp_cloud",
        name="WhatsApp (sandbox)",
        client=client,
        settings={"base_url": platform.sandbox.base_url("whatsapp_cloud"), "business_account_id": f"2{place:014}"},
        secrets={"access_token": "sandbox-token", "app_secret": "sandbox-app-secret", "verify_token": "sandbox-verify"},
    )
    senders = []
    for number in range(numbers):
        address = f"1{place:010}{number:04}"
        platform.sandbox.control.open_account(
            "whatsapp_cloud",
            phone_number_id=address,
            waba_id=f"2{place:014}",
            token="sandbox-token",
            app_secret="sandbox-app-secret",
            webhook_url=f"{platform.url}/webhooks/{account.service}/{account.key}",
        )
        senders.append(
            Sender.objects.create(
                client=client,
                connection=account,
                channel=ChannelKind.WHATSAPP,
                name=f"Number {number + 1}",
                address=address,
                per_second=per_second,
            )
        )
    template = Template.objects.create(
        client=client, name="novidade", channel=ChannelKind.WHATSAPP, language="pt_BR", state=TemplateState.APPROVED
    )
    version = TemplateVersion.objects.create(
        template=template,
        number=1,
        body="Olá {{ contact.first_name }}: {{ offer }}",
        provider_name="novidade",
        category="MARKETING",
        parameters=["{{ contact.first_name }}", "{{ offer }}"],
        variables=[
            {"name": "contact.first_name", "fallback": "cliente"},
            {"name": "offer", "fallback": "pão quentinho às 17 h"},
        ],
    )
    add_people(client, people, place)
    return Trial(platform, client, version, senders, platform.sandbox.log.stat().st_size)


def add_people(client: Client, people: int, place: int) -> None:
    """So many contacts with phones of their own, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_contact (client_id, name, phone, language, time_zone, tags, attributes)
            SELECT %s, 'Pessoa ' || n, '+55119' || (%s + n), '', '', '{}', '{}' FROM generate_series(0, %s - 1) AS n
            """,
            [client.pk, 10_000_000 + (place % 80) * 1_000_000, people],
        )
