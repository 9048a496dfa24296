"""Campaigns: create, change, read, foresee, and the buttons start, pause, resume, cancel."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema
from pydantic import JsonValue

from agency.api.access import actor_of_token, caller, client_or_404, token, visible_or_404
from agency.api.idempotency import idempotent
from agency.api.pages import Page, PageQuery, page_of
from agency.kit.errors import InvalidInput
from agency.models import User
from agency.rules.roles import MONEY, RUN_CAMPAIGNS
from campaigns.outreach.api.runs import ExecutionOut, execution_out
from campaigns.outreach.models import Campaign
from campaigns.outreach.operations.campaigns import (
    MAX_PER_DAY,
    CampaignOrder,
    change_campaign,
    create_campaign,
    order_of,
)
from campaigns.outreach.operations.executions import (
    cancel_campaign,
    pause_campaign,
    resume_campaign,
    start_campaign,
)
from campaigns.outreach.selectors.forecast import campaign_forecast
from campaigns.outreach.selectors.readiness import start_problems
from campaigns.outreach.selectors.visible import visible_campaigns, visible_segments
from campaigns.outreach.states import AudienceMode, CampaignState
from messaging.api.fields import Channel, MessageText, RecordId, Short, Slug, Subject
from messaging.selectors.visible import visible_sender_pools, visible_senders, visible_templates
from messaging.states import MessageKind

router = Router()
read = token("campaigns:read", "outreach.view_campaign")
run = token("campaigns:run", RUN_CAMPAIGNS)
Kind = Literal["campaign", "first_contact", "follow_up", "promotional"]
Audience = Literal["frozen", "live"]
Limit = Annotated[int, Field(ge=1, le=2_000_000_000)]
Policy = Annotated[dict[Short, JsonValue], Field(max_length=20)]
Variables = Annotated[dict[Short, MessageText], Field(max_length=50)]


class CampaignIn(Schema):
    """A campaign to be made. Without a segment it goes to every contact with an address on the channel."""

    client: Slug
    name: Subject
    channel: Channel
    template: RecordId
    kind: Kind = "campaign"
    segment: RecordId | None = None
    audience_mode: Audience = Field("frozen", description="live: who has left the segment before their turn is skipped")
    senders: Annotated[list[RecordId], Field(max_length=100)] = []
    pool: RecordId | None = None
    variables: Variables = {}
    priority: int = Field(0, ge=0, le=10, description="10 is most urgent; 0 the kind's own")
    rate_per_hour: Limit | None = None
    max_per_day: Limit | None = Field(MAX_PER_DAY, description="Null: no limit of the campaign's own")
    max_attempts: int = Field(3, ge=1, le=4)
    policy: Policy = Field({}, description="Sending rules: window, weekdays, holidays, blackout, zone, cap, consent")


class CampaignPatch(Schema):
    """What is to be changed; what is left out stays."""

    name: Subject | None = None
    template: RecordId | None = None
    segment: RecordId | None = None
    audience_mode: Audience | None = None
    senders: Annotated[list[RecordId], Field(max_length=100)] | None = None
    pool: RecordId | None = None
    variables: Variables | None = None
    priority: Annotated[int, Field(ge=0, le=10)] | None = None
    rate_per_hour: Limit | None = None
    max_per_day: Limit | None = None
    max_attempts: Annotated[int, Field(ge=1, le=4)] | None = None
    policy: Policy | None = None


class CampaignOut(Schema):
    """A campaign."""

    id: int
    client: str
    name: str
    kind: str
    channel: Channel
    state: str
    template: int
    segment: int | None
    audience_mode: str
    senders: list[int]
    pool: int | None
    variables: dict[str, Any]
    priority: int
    rate_per_hour: int | None
    max_per_day: int | None
    max_attempts: int
    policy: dict[str, Any]
    starts_at: datetime | None
    next_run_at: datetime | None
    created_at: datetime


class HourOut(Schema):
    """Messages expected in the hour that begins then."""

    hour: datetime
    messages: int


class ProblemOut(Schema):
    """Why it cannot start yet."""

    code: str
    text: str


class ForecastOut(Schema):
    """What starting now would mean. `cost` by list prices per currency; null for whoever may not read money. `finish_at` null: never."""

    people: int
    people_exact: bool
    first_at: datetime | None
    finish_at: datetime | None
    days: int
    per_day: int
    cost: dict[str, str] | None
    hours: list[HourOut]
    problems: list[ProblemOut]


class CampaignQuery(PageQuery):
    """Which campaigns."""

    client: Slug | None = None
    state: Literal[*CampaignState.values] | None = None  # type: ignore[valid-type]


class WhyIn(Schema):
    """A reason for the audit log."""

    why: Subject = ""


def campaign_out(campaign: Campaign) -> CampaignOut:
    """A campaign as the API shows it."""
    plain = (
        "name",
        "state",
        "audience_mode",
        "variables",
        "priority",
        "rate_per_hour",
        "max_per_day",
        "max_attempts",
        "policy",
        "starts_at",
        "next_run_at",
        "created_at",
    )
    return CampaignOut(
        id=campaign.pk,
        client=campaign.client.slug,
        kind=MessageKind(campaign.kind).name.lower(),
        channel=Channel.of(campaign.channel),
        template=campaign.template_id,
        segment=campaign.segment_id,
        senders=sorted(sender.pk for sender in campaign.senders.all()),
        pool=campaign.pool_id,
        **{name: getattr(campaign, name) for name in plain},
    )


def _related(user: User, given: Mapping[str, Any]) -> dict[str, Any]:
    """The records that ids in a request mean, among the visible ones. Raises `InvalidInput` naming the field."""
    sources = {
        "template": visible_templates,
        "segment": visible_segments,
        "pool": visible_sender_pools,
        "senders": visible_senders,
    }
    found: dict[str, Any] = {}
    for name, visible in sources.items():
        if given.get(name) is None:
            continue
        wanted = given[name] if isinstance(given[name], list) else [given[name]]
        records = list(visible(user).filter(pk__in=wanted))
        if len(records) != len(set(wanted)):
            raise InvalidInput(f"unknown_{name}", "There is no such record, or you may not see it.", f"body.{name}")
        found[name] = records if name == "senders" else records[0]
    return found


@router.post(
    "/campaigns",
    response={201: CampaignOut},
    auth=token("campaigns:write", "outreach.add_campaign"),
    summary="Create a campaign",
)
@idempotent
def create(request: HttpRequest, body: CampaignIn) -> tuple[int, Schema]:
    """It is made as a draft; nothing is sent before it is started."""
    given = body.dict()
    given |= _related(caller(request), given)
    given["client"] = client_or_404(request, body.client)
    given["audience_mode"] = AudienceMode(body.audience_mode)
    given["channel"], given["kind"] = body.channel.kind, MessageKind[body.kind.upper()]
    return 201, campaign_out(create_campaign(order=CampaignOrder(**given), actor=actor_of_token(request)))


@router.get("/campaigns", response=Page[CampaignOut], auth=read, summary="List campaigns")
def list_campaigns(request: HttpRequest, query: Query[CampaignQuery]) -> dict[str, Any]:
    """Newest first."""
    campaigns = visible_campaigns(caller(request)).prefetch_related("senders")
    if query.client is not None:
        campaigns = campaigns.filter(client=client_or_404(request, query.client))
    if query.state is not None:
        campaigns = campaigns.filter(state=query.state)
    rows, cursor = page_of(campaigns, query)
    return {"items": [campaign_out(campaign) for campaign in rows], "next_cursor": cursor}


def _campaign(request: HttpRequest, campaign_id: int) -> Campaign:
    found: Campaign = visible_or_404(visible_campaigns(caller(request)), campaign_id)
    return found


@router.get("/campaigns/{int:campaign_id}", response=CampaignOut, auth=read, summary="Read a campaign")
def read_campaign(request: HttpRequest, campaign_id: RecordId) -> CampaignOut:
    """One campaign."""
    return campaign_out(_campaign(request, campaign_id))


@router.patch(
    "/campaigns/{int:campaign_id}",
    response=CampaignOut,
    auth=token("campaigns:write", "outreach.change_campaign"),
    summary="Change a campaign",
)
def patch_campaign(request: HttpRequest, campaign_id: RecordId, body: CampaignPatch) -> CampaignOut:
    """Only drafts and scheduled ones can be changed."""
    campaign = _campaign(request, campaign_id)
    given = body.dict(exclude_unset=True)
    keep_when_null = ("name", "template", "audience_mode", "senders", "variables", "priority", "max_attempts", "policy")
    given = {name: value for name, value in given.items() if value is not None or name not in keep_when_null}
    given |= _related(caller(request), given)
    order = dataclasses.replace(order_of(campaign), **given)
    changed = change_campaign(campaign_id=campaign.pk, order=order, actor=actor_of_token(request))
    return campaign_out(changed)


@router.get(
    "/campaigns/{int:campaign_id}/forecast", response=ForecastOut, auth=read, summary="Foresee starting a campaign now"
)
def read_forecast(request: HttpRequest, campaign_id: RecordId) -> ForecastOut:
    """How many people, until when, at what cost, and what stands in the way."""
    campaign, now = _campaign(request, campaign_id), timezone.now()
    foreseen = campaign_forecast(campaign, now)
    shown = caller(request).has_perm(MONEY)
    return ForecastOut(
        people=foreseen.audience.number,
        people_exact=foreseen.audience.exact,
        first_at=foreseen.course.first_at,
        finish_at=foreseen.course.finish_at,
        days=foreseen.course.days,
        per_day=foreseen.per_day,
        cost={currency: str(amount) for currency, amount in foreseen.cost.items()} if shown else None,
        hours=[HourOut(hour=hour, messages=number) for hour, number in foreseen.course.curve],
        problems=[ProblemOut(code=problem.code, text=problem.text) for problem in start_problems(campaign, now)],
    )


@router.post("/campaigns/{int:campaign_id}/start", response={202: ExecutionOut}, auth=run, summary="Start a campaign")
@idempotent
def start(request: HttpRequest, campaign_id: RecordId) -> tuple[int, Schema]:
    """Open an execution: its audience is written and sending begins. 409 with the first thing to be mended."""
    campaign = _campaign(request, campaign_id)
    return 202, execution_out(start_campaign(campaign_id=campaign.pk, actor=actor_of_token(request)))


@router.post("/campaigns/{int:campaign_id}/pause", response={200: ExecutionOut}, auth=run, summary="Pause a campaign")
@idempotent
def pause(request: HttpRequest, campaign_id: RecordId, body: WhyIn) -> tuple[int, Schema]:
    """Stop sending within seconds."""
    campaign = _campaign(request, campaign_id)
    return 200, execution_out(pause_campaign(campaign_id=campaign.pk, actor=actor_of_token(request), why=body.why))


@router.post("/campaigns/{int:campaign_id}/resume", response={200: ExecutionOut}, auth=run, summary="Resume a campaign")
@idempotent
def resume(request: HttpRequest, campaign_id: RecordId) -> tuple[int, Schema]:
    """Go on with a paused one."""
    campaign = _campaign(request, campaign_id)
    return 200, execution_out(resume_campaign(campaign_id=campaign.pk, actor=actor_of_token(request)))


@router.post("/campaigns/{int:campaign_id}/cancel", response={200: CampaignOut}, auth=run, summary="Cancel a campaign")
@idempotent
def cancel(request: HttpRequest, campaign_id: RecordId, body: WhyIn) -> tuple[int, Schema]:
    """End it: whoever was not sent is skipped with that reason. It cannot be resumed."""
    campaign = _campaign(request, campaign_id)
    return 200, campaign_out(cancel_campaign(campaign_id=campaign.pk, actor=actor_of_token(request), why=body.why))
