"""The forecast of one campaign: its audience, senders and rules as they are now."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db.models import Count as CountRows

from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.rules.forecast import DAY, Forecast, Limits, forecast
from campaigns.outreach.selectors.audience import Count, bounded_count, campaign_audience, within
from campaigns.outreach.selectors.curve import SentCurve
from campaigns.outreach.selectors.readiness import campaign_senders, usable
from integrations.registry import manifest_of
from messaging.kit import fleet
from messaging.models import Sender
from messaging.rules.policy import SendPolicy
from messaging.selectors.limits import limits_of

COUNT_ZONES_MILLISECONDS = 500


@dataclass(frozen=True, slots=True)
class Price:
    """The list price of one message."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class CampaignForecast:
    """What starting now would mean. `cost` is by list prices, per currency, if the senders share the work evenly; `per_day` is the number of
    messages any 24 hours may have (0: no such limit) and `days_by_limit` how many days that alone makes of the audience."""

    audience: Count
    course: Forecast
    cost: Mapping[str, Decimal]
    per_day: int
    days_by_limit: int
    senders: tuple[Sender, ...]


def campaign_forecast(campaign: Campaign, now: dt.datetime) -> CampaignForecast:
    """Foresee a start at `now` from the present audience, policy and limits."""
    audience = bounded_count(campaign_audience(campaign, now))
    senders = tuple(sender for sender in campaign_senders(campaign) if usable(sender))
    policy = SendPolicy.from_json(campaign.policy)
    limits = campaign_limits(campaign, senders, now.date())
    return CampaignForecast(
        audience=audience,
        course=forecast(_by_zone(campaign, policy, audience.number, now), policy, limits, now),
        cost=message_cost(senders, audience.number),
        per_day=limits.per_day,
        days_by_limit=-(-audience.number // limits.per_day) if limits.per_day else 0,
        senders=senders,
    )


def rest_forecast(execution: Execution, waiting: int, past: SentCurve | None, now: dt.datetime) -> Forecast:
    """When the `waiting` people of an open run would be done, by its job's present limits, its senders, and what was sent already."""
    campaign, job = execution.campaign, execution.job
    senders = tuple(sender for sender in campaign_senders(campaign) if usable(sender))
    policy = SendPolicy.from_json(job.policy)
    zone_name = policy.zone_name(agency=settings.TIME_ZONE, client=campaign.client.time_zone)
    sent = [point for point in past.points if point[0] > now - DAY] if past else []
    return forecast({zone_name: waiting}, policy, campaign_limits(campaign, senders, now.date()), now, sent)


def campaign_limits(campaign: Campaign, senders: tuple[Sender, ...], today: dt.date) -> Limits:
    """What the senders may do together within the campaign's own limits; no faster than the fleet has been."""
    each = [limits_of(sender, today) for sender in senders]
    second = sum(min(filter(None, (float(one.per_second), one.per_minute / 60)), default=fleet.rate()) for one in each)
    hour = _together([one.per_hour for one in each])
    day = _together([one.per_day for one in each])
    return Limits(
        per_second=min(second, fleet.rate()),
        per_hour=min(filter(None, (hour, campaign.rate_per_hour or 0)), default=0),
        per_day=min(filter(None, (day, campaign.max_per_day or 0)), default=0),
    )


def _together(limits: list[int]) -> int:
    """The sum, or 0 (no limit) as soon as one sender has none."""
    return sum(limits) if limits and all(limits) else 0


def price_of(sender: Sender) -> Price:
    """The first price of the sender's service, for one message."""
    cost = manifest_of(sender.connection.service).costs[0]
    return Price(Decimal(cost.amount) / cost.per, cost.currency)


def message_cost(senders: tuple[Sender, ...], number: int) -> dict[str, Decimal]:
    """What `number` messages cost by list prices, shared evenly by the senders, per currency."""
    cost: dict[str, Decimal] = {}
    for sender in senders:
        price = price_of(sender)
        cost[price.currency] = cost.get(price.currency, Decimal(0)) + price.amount * number / len(senders)
    return {currency: amount.quantize(Decimal("0.01")) for currency, amount in sorted(cost.items())}


def _by_zone(campaign: Campaign, policy: SendPolicy, number: int, now: dt.datetime) -> dict[str, int]:
    """The audience by the zone that decides; by the client's where contacts decide but cannot be grouped within half a second."""

    def zone_of(contact: str) -> str:
        return policy.zone_name(agency=settings.TIME_ZONE, client=campaign.client.time_zone, contact=contact)

    if policy.per_contact_zone:
        grouped = campaign_audience(campaign, now).order_by().values_list("time_zone").annotate(people=CountRows("pk"))
        counted = within(COUNT_ZONES_MILLISECONDS, lambda: list(grouped))
        if counted:
            zones: dict[str, int] = {}
            for name, people in counted:
                zones[zone_of(name)] = zones.get(zone_of(name), 0) + people
            return zones
    return {zone_of(""): number}
