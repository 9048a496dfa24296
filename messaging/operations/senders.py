"""Senders and pools: create, change, limit, pause, activate. Running jobs obey within seconds, because the engine reads limits live."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.kit.queue import enqueue_after_commit
from agency.models import Client
from agency.operations.audit import record_audit
from integrations.models import Connection
from integrations.registry import manifests
from messaging.models import Sender, SendJob
from messaging.operations.claiming import PORTFOLIO_FULL
from messaging.rules.addresses import AddressRefused, normalize_email
from messaging.rules.mail_domain import Finding
from messaging.states import ChannelKind, JobState, MailCheck, MailCheckState, SenderState

MAX_WARM_UP_STEPS = 60
MAX_RATE = 1_000_000  # messages per span; a slip of the finger, not a limit, begins above it


@dataclass(frozen=True, slots=True)
class SenderLimitsOrder:
    """How much a sender may send. Messages per span, None for no limit of ours; `warm_up` is ((day, messages per day), …) from `warm_up_from`."""

    per_second: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    pair_seconds: int = 6
    portfolio_per_day: int | None = None
    warm_up_from: dt.date | None = None
    warm_up: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SenderOrder:
    """A sender that shall be. `address` is its identity at the provider: phone number id, instance, number or mailbox."""

    client: Client
    connection: Connection
    channel: ChannelKind
    name: str
    address: str
    limits: SenderLimitsOrder = SenderLimitsOrder()
    portfolio: str = ""
    dkim_selector: str = ""


@transaction.atomic
def create_sender(*, order: SenderOrder, actor: Actor) -> Sender:
    """Make a sender that is active at once. Raises `InvalidInput`."""
    if order.connection.client_id not in (None, order.client.pk):
        raise InvalidInput("other_client", _("This connection belongs to another client."), "connection")
    manifest = manifests().get(order.connection.service)
    if manifest is None or order.channel.name.lower() not in manifest.channels:
        text = _("The service of this connection does not send by %(channel)s.") % {"channel": order.channel.label}
        raise InvalidInput("wrong_channel", text, "channel")
    name, address = _name(order.name), _address(order.channel, order.address)
    if Sender.objects.filter(connection=order.connection, address=address).exists():
        raise InvalidInput("sender_exists", _("This connection has a sender with this address already."), "address")
    sender = Sender.objects.create(
        client=order.client,
        connection=order.connection,
        channel=order.channel,
        name=name,
        address=address,
        portfolio=order.portfolio.strip(),
        dkim_selector=_selector(order.dkim_selector),
        **_stored(order.limits),
    )
    record_audit(
        actor=actor,
        action="create_sender",
        subject=sender,
        client=sender.client,
        after={"name": sender.name, "channel": sender.channel, "address": sender.address, **_plain(order.limits)},
    )
    return sender


@transaction.atomic
def change_sender(*, sender_id: int, name: str, portfolio: str, dkim_selector: str, actor: Actor) -> Sender:
    """Change what a sender is called and how it behaves; address and connection are its identity and stay. Raises `InvalidInput`."""
    sender = _locked(sender_id)
    wanted = {
        "name": _name(name),
        "portfolio": portfolio.strip(),
        "dkim_selector": _selector(dkim_selector),
    }
    portfolio = sender.portfolio
    _change(sender, wanted, "change_sender", actor)
    if sender.portfolio != portfolio:
        wake_crowded(sender_id=sender.pk)
    return sender


@transaction.atomic
def change_sender_limits(*, sender_id: int, limits: SenderLimitsOrder, actor: Actor, why: str = "") -> Sender:
    """Change how much a sender may send. Running jobs obey within seconds; one that waits for allowance looks again at once."""
    sender = _locked(sender_id)
    portfolio = sender.portfolio_per_day
    if _change(sender, _stored(limits), "change_sender_limits", actor, why):
        if sender.portfolio_per_day != portfolio:
            wake_crowded(sender_id=sender.pk)
        wake_jobs_of([sender.pk])
    return sender


@transaction.atomic
def pause_sender(*, sender_id: int, actor: Actor, why: str) -> Sender:
    """Nothing more goes out through it until it is activated; jobs go on with their other senders, or wait. Needs a reason."""
    sender = _locked(sender_id)
    if not why.strip():
        raise InvalidInput("reason_missing", _("Say why, so that the next person knows."), "why")
    if sender.state == SenderState.PAUSED:
        raise OperationRefused("wrong_state", _("This sender is paused already."))
    _change(sender, {"state": SenderState.PAUSED, "state_why": why.strip()[:200]}, "pause_sender", actor, why)
    return sender


@transaction.atomic
def activate_sender(*, sender_id: int, actor: Actor, why: str = "") -> Sender:
    """Send through it again. Whoever activates a restricted one says that what restricted it is mended."""
    sender = _locked(sender_id)
    if sender.state == SenderState.ACTIVE:
        raise OperationRefused("wrong_state", _("This sender is active already."))
    if not sender.connection.enabled:
        raise OperationRefused("connection_off", _("Its connection is switched off. Enable the connection first."))
    _change(sender, {"state": SenderState.ACTIVE, "state_why": ""}, "activate_sender", actor, why)
    wake_jobs_of([sender.pk])
    return sender


@transaction.atomic
def record_mail_checks(
    *, sender_id: int, findings: Mapping[MailCheck, Finding | None], at: dt.datetime, actor: Actor
) -> Sender:
    """Keep what DNS said of a sender's domain. None for a check that got no answer: what was known before stays. Audited when a state changes."""
    sender = _locked(sender_id)
    checks = dict(sender.mail_checks)
    before = {name: value.get("state", "") for name, value in checks.items()}
    for check, finding in findings.items():
        if finding is not None:
            checks[check.value] = {**asdict(finding), "checked_at": at.isoformat()}
        elif check.value not in checks:
            checks[check.value] = {"state": MailCheckState.UNKNOWN.value, "code": "no_answer", "name": "", "record": ""}
    sender.mail_checks = checks
    sender.save(update_fields=["mail_checks"])
    after = {name: value["state"] for name, value in checks.items()}
    if after != before:
        record_audit(
            actor=actor,
            action="record_mail_checks",
            subject=sender,
            client=sender.client,
            before=before,
            after=after,
        )
    return sender


@transaction.atomic
def wake_crowded(*, sender_id: int, limit: int = 20_000) -> int:
    """Whom a full portfolio keeps waiting in the jobs of this sender is tried again now: it may have room. Returns how many of them, at most
    `limit`; a task wakes the others. Whoever finds no room is put off again."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH picked AS (
                SELECT id FROM messaging_recipient
                WHERE job_id = ANY(ARRAY(SELECT id FROM messaging_sendjob WHERE state IN (1, 2) AND %(sender)s = ANY(sender_ids)))
                  AND state = 0 AND not_before > now() AND code = %(code)s ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
            )
            UPDATE messaging_recipient r SET not_before = now(), code = NULL FROM picked WHERE r.id = picked.id
            """,
            {"sender": sender_id, "code": PORTFOLIO_FULL, "limit": limit},
        )
        woken = int(cursor.rowcount)
    if woken == limit:
        enqueue_after_commit("messaging.wake_crowded", sender_id)
    if woken:
        wake_jobs_of([sender_id])
    return woken


def wake_jobs_of(sender_ids: Sequence[int]) -> int:
    """Running jobs of these senders that wait for allowance look again now. Returns how many; call it in the transaction of the change."""
    woken = SendJob.objects.filter(
        state=JobState.RUNNING, next_wave_at__gt=Now(), sender_ids__overlap=list(sender_ids)
    ).update(next_wave_at=Now())
    if woken:
        enqueue_after_commit("messaging.dispatch_jobs")
    return woken


def _locked(sender_id: int) -> Sender:
    return Sender.objects.select_for_update(of=("self",)).select_related("client", "connection").get(pk=sender_id)


def _change(sender: Sender, wanted: Mapping[str, Any], action: str, actor: Actor, why: str = "") -> bool:
    """Write what differs, with its audit entry. Returns False when nothing does."""
    before = {name: getattr(sender, name) for name in wanted if getattr(sender, name) != wanted[name]}
    if not before:
        return False
    for name in before:
        setattr(sender, name, wanted[name])
    sender.save(update_fields=list(before))
    record_audit(
        actor=actor,
        action=action,
        subject=sender,
        client=sender.client,
        before=_jsonable(before),
        after=_jsonable({name: wanted[name] for name in before}),
        why=why.strip()[:500],
    )
    return True


def _jsonable(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, dt.date) else value for name, value in values.items()}


def _plain(limits: SenderLimitsOrder) -> dict[str, Any]:
    return _jsonable({name: value for name, value in _stored(limits).items() if value})


def _stored(limits: SenderLimitsOrder) -> dict[str, Any]:
    """The limits as columns. Raises `InvalidInput` that names the one to mend."""
    for name in ("per_second", "per_minute", "per_hour", "per_day", "portfolio_per_day"):
        value = getattr(limits, name)
        if value is not None and not 1 <= value <= MAX_RATE:
            text = _("Between 1 and %(most)d, or empty for no limit.") % {"most": MAX_RATE}
            raise InvalidInput("bad_limit", text, name)
    if not 0 <= limits.pair_seconds <= 3_600:
        raise InvalidInput("bad_limit", _("Between 0 and 3,600 seconds."), "pair_seconds")
    if bool(limits.warm_up) != (limits.warm_up_from is not None):
        raise InvalidInput("bad_warm_up", _("A warm-up has both a first day and steps."), "warm_up")
    if len(limits.warm_up) > MAX_WARM_UP_STEPS:
        text = _("At most %(most)d steps.") % {"most": MAX_WARM_UP_STEPS}
        raise InvalidInput("bad_warm_up", text, "warm_up")
    days = [day for day, _number in limits.warm_up]
    if days != sorted(set(days)) or any(not 1 <= value <= MAX_RATE for step in limits.warm_up for value in step):
        raise InvalidInput(
            "bad_warm_up", _("Days rise from step to step, and each allows at least one message."), "warm_up"
        )
    values = {each.name: getattr(limits, each.name) for each in fields(limits)}
    return values | {"warm_up": [list(step) for step in limits.warm_up]}


def _name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > 120 or "\0" in cleaned:
        raise InvalidInput("bad_name", _("A name has 1 to 120 characters."), "name")
    return cleaned


def _selector(selector: str) -> str:
    cleaned = selector.strip().lower()
    if cleaned and not all(part.replace("-", "").replace("_", "").isalnum() for part in cleaned.split(".")):
        raise InvalidInput("bad_selector", _("A selector has letters, digits, hyphens and dots."), "dkim_selector")
    return cleaned


def _address(channel: ChannelKind, address: str) -> str:
    cleaned = address.strip()
    if channel is ChannelKind.EMAIL:
        name, bracket, rest = cleaned.rpartition("<")
        try:
            mailbox = normalize_email(rest.removesuffix(">") if bracket else cleaned)
        except AddressRefused as refusal:
            raise InvalidInput("bad_address", _("This is no e-mail address."), "address") from refusal
        shown = name.strip().strip('"').strip()
        if not shown.isprintable() or any(sign in shown for sign in '<>",;'):
            raise InvalidInput(
                "bad_address", _("The name before the address has signs that a mail server may misread."), "address"
            )
        return f"{shown} <{mailbox}>" if shown else mailbox
    if not cleaned or not cleaned.isprintable() or len(cleaned) > 254:
        raise InvalidInput("bad_address", _("Give the number or id that the provider knows it by."), "address")
    return cleaned
