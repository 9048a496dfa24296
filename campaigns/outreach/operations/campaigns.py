"""A campaign before it runs: create, change, schedule, archive."""

import dataclasses
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.models import Client
from agency.operations.audit import record_audit
from campaigns.outreach.models import Campaign, Segment
from campaigns.outreach.rules.schedule import next_run
from campaigns.outreach.states import AudienceMode, CampaignState, Recurrence
from messaging.models import Sender, SenderPool, Template
from messaging.rules.policy import SendPolicy
from messaging.rules.zones import first_zone
from messaging.states import DEFAULT_PRIORITY, ChannelKind, MessageKind

CAMPAIGN_KINDS = (MessageKind.CAMPAIGN, MessageKind.FIRST_CONTACT, MessageKind.FOLLOW_UP, MessageKind.PROMOTIONAL)
MAX_PER_DAY = 50  # the default: nobody writes to a whole audience by forgetting a field
_VARIABLE = re.compile(r"[a-z_][a-z0-9_]{0,59}(\.[a-z_][a-z0-9_]{0,59}){0,3}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CampaignOrder:
    """What a campaign shall be. No segment means every contact with an address; `priority` 0 the kind's own; limits of None none.

    `variables` are constants for the template, `{"offer.price": "R$ 10"}`. `policy` is a `SendPolicy` as JSON.
    """

    client: Client
    name: str
    channel: ChannelKind
    template: Template
    kind: MessageKind = MessageKind.CAMPAIGN
    segment: Segment | None = None
    audience_mode: AudienceMode = AudienceMode.FROZEN
    senders: Sequence[Sender] = ()
    pool: SenderPool | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    rate_per_hour: int | None = None
    max_per_day: int | None = MAX_PER_DAY
    max_attempts: int = 3
    policy: Mapping[str, Any] = field(default_factory=dict)


PLAIN_FIELDS = (
    "name",
    "kind",
    "channel",
    "template",
    "segment",
    "audience_mode",
    "pool",
    "variables",
    "priority",
    "rate_per_hour",
    "max_per_day",
    "max_attempts",
    "policy",
)


def order_of(campaign: Campaign) -> CampaignOrder:
    """A campaign as the order that would make it again; change a part with `dataclasses.replace`."""
    plain = {name: getattr(campaign, name) for name in PLAIN_FIELDS}
    return CampaignOrder(client=campaign.client, senders=tuple(campaign.senders.all()), **plain)


@transaction.atomic
def create_campaign(*, order: CampaignOrder, actor: Actor) -> Campaign:
    """Make a draft. Raises `InvalidInput` naming the wrong field."""
    order = _checked(order)
    plain = {name: getattr(order, name) for name in PLAIN_FIELDS}
    campaign = Campaign.objects.create(client=order.client, created_by_id=actor.user_id, **plain)
    campaign.senders.set(order.senders)
    record_audit(
        actor=actor, action="create_campaign", subject=campaign, client=order.client, after=_facts(campaign, order)
    )
    return campaign


@transaction.atomic
def change_campaign(*, campaign_id: int, order: CampaignOrder, actor: Actor) -> Campaign:
    """Change a campaign that is not running; its client stays. Raises `InvalidInput`, or `OperationRefused("wrong_state")`."""
    campaign = locked_campaign(
        campaign_id, (CampaignState.DRAFT, CampaignState.SCHEDULED), pgettext("it cannot be …", "changed")
    )
    order = _checked(dataclasses.replace(order, client=campaign.client))
    before = _facts(campaign, order_of(campaign))
    for name in PLAIN_FIELDS:
        setattr(campaign, name, getattr(order, name))
    campaign.save(update_fields=list(PLAIN_FIELDS))
    campaign.senders.set(order.senders)
    after = _facts(campaign, order)
    changed = {name for name in after if after[name] != before.get(name)}
    record_audit(
        actor=actor,
        action="change_campaign",
        subject=campaign,
        client=campaign.client,
        before={name: before[name] for name in sorted(changed)},
        after={name: after[name] for name in sorted(changed)},
    )
    return campaign


@transaction.atomic
def schedule_campaign(
    *,
    campaign_id: int,
    starts_at: dt.datetime,
    recurrence: Recurrence = Recurrence.ONCE,
    ends_at: dt.datetime | None = None,
    actor: Actor,
) -> Campaign:
    """Let Beat start it: once at `starts_at`, or daily at that time of day on the client's clock until `ends_at`."""
    campaign = locked_campaign(
        campaign_id, (CampaignState.DRAFT, CampaignState.SCHEDULED), pgettext("it cannot be …", "scheduled")
    )
    now = timezone.now()
    if ends_at is not None and ends_at <= starts_at:
        raise InvalidInput("invalid_end", _("The end is before the start."), field="ends_at")
    due = next_run(
        Recurrence(recurrence).value,
        starts_at,
        ends_at,
        first_zone(campaign.client.time_zone),
        now - dt.timedelta(seconds=1),
    )
    if due is None:
        raise InvalidInput("in_the_past", _("This time has passed; choose a later one."), field="starts_at")
    before = _schedule(campaign)
    campaign.state, campaign.starts_at, campaign.ends_at = CampaignState.SCHEDULED, starts_at, ends_at
    campaign.recurrence, campaign.next_run_at = recurrence, due
    campaign.save(update_fields=["state", "starts_at", "ends_at", "recurrence", "next_run_at"])
    record_audit(
        actor=actor,
        action="schedule_campaign",
        subject=campaign,
        client=campaign.client,
        before=before,
        after=_schedule(campaign),
    )
    return campaign


@transaction.atomic
def unschedule_campaign(*, campaign_id: int, actor: Actor, why: str = "") -> Campaign:
    """Back to a draft: it will not start by itself."""
    campaign = locked_campaign(
        campaign_id, (CampaignState.SCHEDULED,), pgettext("it cannot be …", "taken off the schedule")
    )
    before = _schedule(campaign)
    campaign.state, campaign.next_run_at = CampaignState.DRAFT, None
    campaign.save(update_fields=["state", "next_run_at"])
    record_audit(
        actor=actor,
        action="unschedule_campaign",
        subject=campaign,
        client=campaign.client,
        before=before,
        after=_schedule(campaign),
        why=why,
    )
    return campaign


@transaction.atomic
def archive_campaign(*, campaign_id: int, actor: Actor) -> Campaign:
    """Put a finished campaign out of sight; its numbers stay."""
    campaign = locked_campaign(
        campaign_id,
        (CampaignState.COMPLETED, CampaignState.CANCELLED, CampaignState.DRAFT),
        pgettext("it cannot be …", "archived"),
    )
    before, campaign.state = campaign.state, CampaignState.ARCHIVED
    campaign.save(update_fields=["state"])
    record_audit(
        actor=actor,
        action="archive_campaign",
        subject=campaign,
        client=campaign.client,
        before={"state": before},
        after={"state": campaign.state},
    )
    return campaign


def locked_campaign(campaign_id: int, allowed: Sequence[CampaignState], verb: str) -> Campaign:
    """The campaign, locked until the transaction ends, if it is in one of these states."""
    campaign = (
        Campaign.objects.select_for_update(of=("self",))
        .select_related("client", "segment", "template__current", "pool")
        .get(pk=campaign_id)
    )
    if campaign.state not in allowed:
        raise OperationRefused(
            "wrong_state",
            _("This campaign is %(state)s; it cannot be %(verb)s.")
            % {"state": campaign.get_state_display(), "verb": verb},
        )
    return campaign


def _schedule(campaign: Campaign) -> dict[str, Any]:
    return {
        "state": str(campaign.state),
        "starts_at": campaign.starts_at and campaign.starts_at.isoformat(),
        "recurrence": str(campaign.recurrence),
        "ends_at": campaign.ends_at and campaign.ends_at.isoformat(),
    }


def _facts(campaign: Campaign, order: CampaignOrder) -> dict[str, Any]:
    """A campaign as its audit entry tells it: plain values, related records by id."""
    facts: dict[str, Any] = {}
    for name in PLAIN_FIELDS:
        value = getattr(campaign, name)
        facts[name] = value.pk if hasattr(value, "pk") else value
    facts["senders"] = sorted(sender.pk for sender in order.senders)
    return facts


def _checked(order: CampaignOrder) -> CampaignOrder:
    """The order with its policy and defaults in their stored form; raises `InvalidInput` for the first thing that is wrong."""

    def refuse(name: str, text: str) -> InvalidInput:
        return InvalidInput(f"invalid_{name}", text, field=name)

    name = order.name.strip()
    if not name or len(name) > 160:
        raise refuse("name", _("Give it a name of at most 160 characters."))
    if order.kind not in CAMPAIGN_KINDS:
        raise refuse("kind", _("Messages of this kind are not sent as a campaign."))
    if order.template.client_id != order.client.pk or order.template.channel != order.channel:
        raise refuse("template", _("Choose a template of this client and channel."))
    if order.segment is not None and order.segment.client_id != order.client.pk:
        raise refuse("segment", _("Choose a segment of this client."))
    if order.audience_mode not in AudienceMode.values:
        raise refuse("audience_mode", _("The audience is either frozen or live."))
    if order.audience_mode == AudienceMode.LIVE and order.segment is None:
        raise refuse("audience_mode", _("Choose a segment: without one there is nothing that a person could leave."))
    if any(sender.client_id != order.client.pk or sender.channel != order.channel for sender in order.senders):
        raise refuse("senders", _("Choose senders of this client and channel."))
    if order.pool is not None and (order.pool.client_id != order.client.pk or order.pool.channel != order.channel):
        raise refuse("pool", _("Choose a sender pool of this client and channel."))
    if not 0 <= order.priority <= 10:
        raise refuse("priority", _("The priority is a number from 1 to 10."))
    if not 1 <= order.max_attempts <= 4:
        raise refuse("max_attempts", _("Between 1 and 4 attempts are made."))
    for limit in ("rate_per_hour", "max_per_day"):
        value = getattr(order, limit)
        if value is not None and not 1 <= value <= 2_000_000_000:
            raise refuse(limit, _("A limit is at least 1; leave it empty for none."))
    if len(order.variables) > 50:
        raise refuse("variables", _("At most 50 variables can be set."))
    for variable, text in order.variables.items():
        inner = any(
            other.startswith(f"{variable}.") for other in order.variables
        )  # it cannot be a text and hold others
        if not _VARIABLE.fullmatch(variable) or variable.split(".")[0] == "contact" or inner:
            raise refuse("variables", _("“%(name)s” cannot be the name of a variable.") % {"name": variable})
        if not isinstance(text, str) or len(text) > 2_000 or "\x00" in text:
            raise refuse("variables", _("“%(name)s” is a text of at most 2,000 characters.") % {"name": variable})
    return dataclasses.replace(
        order,
        name=name,
        priority=order.priority or DEFAULT_PRIORITY[order.kind],
        variables=dict(order.variables),
        policy=SendPolicy.from_json(order.policy).to_json(),
    )
