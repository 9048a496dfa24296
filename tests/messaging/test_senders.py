"""Senders and pools: who may be made, how limits change under way, what stops one and what sets it going."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from agency.kit.errors import OperationRefused
from agency.models import AuditEntry, Client
from integrations.models import Connection
from messaging.limits import limiter
from messaging.limits.limiter import JobLimits
from messaging.models import Sender, SendJob
from messaging.operations.addresses import restrict_sender
from messaging.operations.sender_pools import change_sender_pool, create_sender_pool
from messaging.operations.senders import (
    SenderLimitsOrder,
    SenderOrder,
    activate_sender,
    change_sender_limits,
    create_sender,
    pause_sender,
)
from messaging.runners.sweeping import rebuild_limiter
from messaging.selectors.limits import limits_of
from messaging.selectors.standing import allowances_now
from messaging.states import ChannelKind, JobState, MessageKind, SenderState
from tests.messaging.engine.conftest import ACTOR, empty_limiter

pytestmark = pytest.mark.django_db
__all__ = ["empty_limiter"]  # a fixture of the engine's tests, used here for every test
NO_JOB = JobLimits(0)
TODAY = datetime.now(UTC).date()


@pytest.fixture
def sender() -> Sender:
    client = Client.objects.create(name="Padaria", slug="padaria")
    connection = Connection.objects.create(service="whatsapp_cloud", name="WhatsApp", client=client)
    return create_sender(order=order(client, connection), actor=ACTOR)


def order(client: Client, connection: Connection, **changes: Any) -> SenderOrder:
    fields: dict[str, Any] = {
        "client": client,
        "connection": connection,
        "channel": ChannelKind.WHATSAPP,
        "name": "Aurora 1",
        "address": "100000000000001",
    }
    return SenderOrder(**fields | changes)


def job_of(sender: Sender, **fields: Any) -> SendJob:
    values: dict[str, Any] = {
        "client": sender.client,
        "kind": MessageKind.CAMPAIGN,
        "channel": ChannelKind.WHATSAPP,
        "state": JobState.RUNNING,
        "sender_ids": [sender.pk],
        "next_wave_at": timezone.now() + timedelta(hours=3),
    }
    return SendJob.objects.create(**values | fields)


def due(job: SendJob) -> bool:
    job.refresh_from_db()
    return job.next_wave_at is not None and job.next_wave_at <= timezone.now()


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"name": "  "}, "bad_name", "name"),
        ({"channel": ChannelKind.EMAIL}, "wrong_channel", "channel"),
        ({"address": "100000000000001"}, "sender_exists", "address"),
        ({"address": " \n "}, "bad_address", "address"),
        ({"address": "2", "dkim_selector": "a b"}, "bad_selector", "dkim_selector"),
        ({"address": "2", "limits": SenderLimitsOrder(per_hour=0)}, "bad_limit", "per_hour"),
        ({"address": "2", "limits": SenderLimitsOrder(warm_up=((1, 50),))}, "bad_warm_up", "warm_up"),
        (
            {"address": "2", "limits": SenderLimitsOrder(warm_up=((3, 50), (3, 60)), warm_up_from=date(2026, 11, 1))},
            "bad_warm_up",
            "warm_up",
        ),
    ],
)
def test_what_is_refused_changes_nothing(sender: Sender, changes: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(OperationRefused) as refusal:
        create_sender(order=order(sender.client, sender.connection, **changes), actor=ACTOR)
    assert (refusal.value.code, getattr(refusal.value, "field", "")) == (code, field)
    assert list(Sender.objects.values_list("pk", flat=True)) == [sender.pk]
    assert AuditEntry.objects.filter(action="create_sender").count() == 1


def test_another_clients_connection_is_refused_and_the_agencys_own_is_not(sender: Sender) -> None:
    other = Client.objects.create(name="Outra", slug="outra")
    with pytest.raises(OperationRefused) as refusal:
        create_sender(order=order(other, sender.connection, address="2"), actor=ACTOR)
    assert refusal.value.code == "other_client"
    shared = Connection.objects.create(service="resend", name="E-mail")
    mailbox = create_sender(
        order=order(other, shared, channel=ChannelKind.EMAIL, address="Outra Loja <OLA@Outra.com.br>"), actor=ACTOR
    )
    assert (mailbox.address, mailbox.state) == ("Outra Loja <ola@outra.com.br>", SenderState.ACTIVE)


def test_what_is_shown_as_free_is_what_the_engine_grants(sender: Sender) -> None:
    change_sender_limits(
        sender_id=sender.pk, limits=SenderLimitsOrder(per_hour=100, per_day=150, portfolio_per_day=40), actor=ACTOR
    )
    Sender.objects.update(portfolio="aurora")
    sender.refresh_from_db()
    limits = limits_of(sender, TODAY)
    assert limiter.take(job=NO_JOB, senders=[limits], want=70).total == 70
    limiter.admit([limiter.Pairing(sender.pk, range(3), 0, "aurora", 40)])
    shown = allowances_now([sender], TODAY)[sender.pk]
    standing = shown.standing
    assert (standing.hour_used, standing.hour_free, standing.day_used, standing.day_free) == (70, 30, 70, 80)
    assert (standing.second_free, standing.minute_free, shown.now, shown.portfolio_free) == (None, None, 30, 37)
    assert limiter.take(job=NO_JOB, senders=[limits], want=1_000).total == 30
    assert allowances_now([sender], TODAY)[sender.pk].now == 0


def test_pace_and_rest_are_shown(sender: Sender) -> None:
    change_sender_limits(sender_id=sender.pk, limits=SenderLimitsOrder(per_second=20, per_minute=600), actor=ACTOR)
    sender.refresh_from_db()
    shown = allowances_now([sender], TODAY)[sender.pk]
    assert (shown.standing.second_free, shown.standing.minute_free) == (20, 600)
    assert shown.now == 5 * 10 + 600 // 20  # what five seconds of the slower pace and its reserve allow
    limiter.hold_sender(sender.pk, 60)
    shown = allowances_now([sender], TODAY)[sender.pk]
    assert shown.now == 0 and 59 < shown.standing.rests <= 60


def test_a_warm_up_is_the_limit_of_the_day(sender: Sender) -> None:
    ramp = SenderLimitsOrder(
        per_day=900, warm_up_from=TODAY - timedelta(days=3), warm_up=((1, 50), (3, 200), (7, 1_000))
    )
    change_sender_limits(sender_id=sender.pk, limits=ramp, actor=ACTOR)
    sender.refresh_from_db()
    shown = allowances_now([sender], TODAY)[sender.pk]
    assert (shown.warm_up, shown.limits.per_day, shown.now) == (200, 200, 200)
    assert allowances_now([sender], TODAY + timedelta(days=3))[sender.pk].limits.per_day == 900


def test_a_limit_set_later_knows_what_went_before_it(sender: Sender) -> None:
    assert limiter.take(job=NO_JOB, senders=[limits_of(sender, TODAY)], want=90).total == 90
    change_sender_limits(sender_id=sender.pk, limits=SenderLimitsOrder(per_day=100), actor=ACTOR)
    sender.refresh_from_db()
    assert limiter.take(job=NO_JOB, senders=[limits_of(sender, TODAY)], want=50).total == 10


def test_jobs_that_wait_for_a_raised_limit_look_again_at_once(sender: Sender) -> None:
    waiting, other = job_of(sender), job_of(sender, sender_ids=[sender.pk + 1])
    paused = job_of(sender, state=JobState.PAUSED)
    raised = SenderLimitsOrder(per_day=5_000)
    change_sender_limits(sender_id=sender.pk, limits=raised, actor=ACTOR, why="new tier")
    assert [due(job) for job in (waiting, other, paused)] == [True, False, False]
    entry = AuditEntry.objects.get(action="change_sender_limits")
    assert (entry.before, entry.after, entry.why) == ({"per_day": None}, {"per_day": 5_000}, "new tier")
    SendJob.objects.update(next_wave_at=timezone.now() + timedelta(hours=3))
    change_sender_limits(sender_id=sender.pk, limits=raised, actor=ACTOR)
    assert not due(waiting) and AuditEntry.objects.filter(action="change_sender_limits").count() == 1


def test_pause_and_activate(sender: Sender) -> None:
    job = job_of(sender)
    with pytest.raises(OperationRefused) as refusal:
        pause_sender(sender_id=sender.pk, actor=ACTOR, why=" ")
    assert refusal.value.code == "reason_missing"
    pause_sender(sender_id=sender.pk, actor=ACTOR, why="quality fell")
    sender.refresh_from_db()
    assert (sender.state, sender.state_why) == (SenderState.PAUSED, "quality fell")
    assert not allowances_now([sender], TODAY)[sender.pk].sends
    activate_sender(sender_id=sender.pk, actor=ACTOR)
    sender.refresh_from_db()
    assert (sender.state, sender.state_why, due(job)) == (SenderState.ACTIVE, "", True)
    with pytest.raises(OperationRefused):
        activate_sender(sender_id=sender.pk, actor=ACTOR)
    actions = AuditEntry.objects.filter(subject_type="messaging.Sender").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["create_sender", "pause_sender", "activate_sender"]


def test_a_restricted_sender_is_activated_only_with_its_connection(sender: Sender) -> None:
    restrict_sender(sender_id=sender.pk, why="(#190) token expired")
    Connection.objects.update(enabled=False)
    with pytest.raises(OperationRefused) as refusal:
        activate_sender(sender_id=sender.pk, actor=ACTOR)
    assert refusal.value.code == "connection_off"
    Connection.objects.update(enabled=True)
    assert activate_sender(sender_id=sender.pk, actor=ACTOR).state == SenderState.ACTIVE


def test_lost_counters_are_said_and_not_guessed(sender: Sender) -> None:
    limiter._client().flushdb()
    with pytest.raises(limiter.LimiterUnavailable):
        allowances_now([sender], TODAY)
    assert rebuild_limiter()
    assert allowances_now([sender], TODAY)[sender.pk].now is None


def test_a_pool_holds_senders_of_one_client_and_channel(sender: Sender) -> None:
    pool = create_sender_pool(
        client=sender.client, name="WhatsApp", channel=ChannelKind.WHATSAPP, senders=[sender], actor=ACTOR
    )
    second = create_sender(order=order(sender.client, sender.connection, address="2", name="Aurora 2"), actor=ACTOR)
    change_sender_pool(pool_id=pool.pk, name="Todos", senders=[sender, second], actor=ACTOR)
    assert set(pool.senders.all()) == {sender, second}
    other = Client.objects.create(name="Outra", slug="outra")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"client": other, "senders": [sender]}, "other_client"),
        ({"channel": ChannelKind.SMS, "senders": [sender]}, "other_channel"),
        ({"senders": []}, "no_sender"),
        ({"name": "Todos", "senders": [sender]}, "pool_exists"),
    ]
    for changes, code in wrong:
        fields: dict[str, Any] = {"client": sender.client, "name": "Novo", "channel": ChannelKind.WHATSAPP}
        with pytest.raises(OperationRefused) as refusal:
            create_sender_pool(actor=ACTOR, **fields | changes)
        assert refusal.value.code == code
    assert sender.client.pk and pool.__class__.objects.count() == 1
