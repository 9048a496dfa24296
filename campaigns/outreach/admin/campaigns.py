"""Campaigns: the list, the form, and the page one reads from top to bottom."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from agency.admin.asked import key_of
from agency.admin.columns import state_column
from agency.admin.pages import PageAdmin
from agency.kit.actor import Actor
from campaigns.outreach.admin.campaign_buttons import CAMPAIGN_BUTTONS
from campaigns.outreach.admin.campaign_form import CampaignForm, order_from
from campaigns.outreach.admin.campaign_page import campaign_context
from campaigns.outreach.admin.words import TONES
from campaigns.outreach.models import Campaign
from campaigns.outreach.operations.campaigns import change_campaign, create_campaign
from campaigns.outreach.selectors.visible import visible_campaigns
from campaigns.outreach.states import CampaignState

EDITABLE = (CampaignState.DRAFT, CampaignState.SCHEDULED)


@admin.register(Campaign)
class CampaignAdmin(PageAdmin):
    """Whom, what, when, by whom; then how it goes."""

    visible_to = staticmethod(visible_campaigns)
    list_select_related = ("client", "segment", "template")
    list_display = ("name", "client", "state_label", "segment_name", "template", "next_run_at", "created_at")
    state_label = state_column(TONES)
    list_filter = ("client", "state", "channel")
    search_help_text = _("Beginning of a name, or a number")
    form = CampaignForm
    fixed_fields = ("client",)
    page_template = "outreach/campaign.html"
    buttons = CAMPAIGN_BUTTONS
    fieldsets = (
        (_("Audience"), {"fields": ("client", "name", "kind", "segment", "audience_mode", "consent")}),
        (_("Message"), {"fields": ("channel", "template", "variable_lines")}),
        (
            _("When"),
            {
                "fields": (
                    ("window_start", "window_end"),
                    "zone",
                    "weekdays",
                    "holidays",
                    "blackout",
                    ("cap_messages", "cap_days"),
                    "cap_consequence",
                )
            },
        ),
        (
            _("By whom and how fast"),
            {"fields": ("senders", "pool", ("rate_per_hour", "max_per_day"), ("priority", "max_attempts"))},
        ),
    )

    def search(self, text: str) -> models.Q:
        """A number is the campaign itself; anything else begins its name."""
        found = models.Q(name__istartswith=text)
        key = key_of(text)
        return found if key is None else found | models.Q(pk=key)

    @admin.display(description=_("audience"))
    def segment_name(self, campaign: Campaign) -> str:
        """Its segment, or everybody."""
        return str(campaign.segment or _("everybody with an address"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only what is not running can be edited."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.state in EDITABLE)

    def page(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """Whom, what, when, by whom, the forecast; and how its latest run goes."""
        return campaign_context(record, request)

    def create_record(self, actor: Actor, cleaned: Mapping[str, Any], request: HttpRequest) -> Campaign:
        """Make a draft."""
        return create_campaign(order=order_from(cleaned["client"], cleaned), actor=actor)

    def change_record(
        self, actor: Actor, campaign: Campaign, cleaned: Mapping[str, Any], request: HttpRequest
    ) -> Campaign:
        """Change a draft or a scheduled campaign."""
        return change_campaign(campaign_id=campaign.pk, order=order_from(campaign.client, cleaned), actor=actor)
