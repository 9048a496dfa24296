"""When a campaign starts by itself, and how fast it is sent: both may change after it was made, the limits also while it runs."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema
from pydantic import AwareDatetime

from agency.api.access import actor_of_token, caller, token, visible_or_404
from agency.api.idempotency import idempotent
from agency.rules.roles import RUN_CAMPAIGNS
from campaigns.outreach.api.campaigns import CampaignOut, Limit, WhyIn, campaign_out
from campaigns.outreach.models import Campaign
from campaigns.outreach.operations.campaigns import schedule_campaign, unschedule_campaign
from campaigns.outreach.operations.executions import change_campaign_limits
from campaigns.outreach.selectors.visible import visible_campaigns
from campaigns.outreach.states import Recurrence
from messaging.api.fields import RecordId

router = Router()
run = token("campaigns:run", RUN_CAMPAIGNS)


class ScheduleIn(Schema):
    """When it starts: once, or daily at that time of day on the client's clock until `ends_at`."""

    starts_at: AwareDatetime
    recurrence: Recurrence = Recurrence.ONCE
    ends_at: AwareDatetime | None = None


class LimitsIn(Schema):
    """How fast and how urgently; all three are replaced."""

    rate_per_hour: Limit | None = Field(None, description="Null: no limit of the campaign's own")
    max_per_day: Limit | None = Field(
        None, description="Messages in any 24 hours; null: no limit of the campaign's own"
    )
    priority: Annotated[int, Field(ge=1, le=10, description="10 is most urgent")] = 3


def _campaign(request: HttpRequest, campaign_id: int) -> Campaign:
    found: Campaign = visible_or_404(visible_campaigns(caller(request)), campaign_id)
    return found


@router.post(
    "/campaigns/{int:campaign_id}/schedule", response={200: CampaignOut}, auth=run, summary="Schedule a campaign"
)
@idempotent
def schedule(request: HttpRequest, campaign_id: RecordId, body: ScheduleIn) -> tuple[int, Schema]:
    """Let it start by itself. 422 for a time that has passed."""
    campaign = schedule_campaign(
        campaign_id=_campaign(request, campaign_id).pk,
        starts_at=body.starts_at,
        recurrence=body.recurrence,
        ends_at=body.ends_at,
        actor=actor_of_token(request),
    )
    return 200, campaign_out(campaign)


@router.post(
    "/campaigns/{int:campaign_id}/unschedule", response={200: CampaignOut}, auth=run, summary="Take off the schedule"
)
@idempotent
def unschedule(request: HttpRequest, campaign_id: RecordId, body: WhyIn) -> tuple[int, Schema]:
    """Back to a draft."""
    campaign = _campaign(request, campaign_id)
    return 200, campaign_out(unschedule_campaign(campaign_id=campaign.pk, actor=actor_of_token(request), why=body.why))


@router.put("/campaigns/{int:campaign_id}/limits", response=CampaignOut, auth=run, summary="Change a campaign's limits")
def limits(request: HttpRequest, campaign_id: RecordId, body: LimitsIn) -> CampaignOut:
    """A running campaign obeys with its next claim, within seconds."""
    campaign = _campaign(request, campaign_id)
    return campaign_out(
        change_campaign_limits(
            campaign_id=campaign.pk,
            rate_per_hour=body.rate_per_hour,
            max_per_day=body.max_per_day,
            priority=body.priority,
            actor=actor_of_token(request),
        )
    )
