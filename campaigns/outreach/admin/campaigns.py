"""Campaigns: the list, the form, and the page one reads from top to bottom."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from agency.admin.base import RecordAdmin
from agency.kit.actor import Actor
from agency.models import Client
from agency.selectors.access import visible_clients
from campaigns.outreach.admin.campaign_buttons import CAMPAIGN_BUTTONS
from campaigns.outreach.admin.campaign_form import PLAIN, CampaignForm, order_from
from campaigns.outreach.admin.campaign_page import campaign_context
from campaigns.outreach.models import Campaign, Segment
from campaigns.outreach.operations.campaigns import change_campaign, create_campaign
from campaigns.outreach.selectors.visible import visible_campaigns, visible_segments
from campaigns.outreach.states import CampaignState
from messaging.models import Sender, SenderPool, Template
from messaging.selectors.visible import visible_sender_pools, visible_senders, visible_templates

STATE_LABELS: Mapping[str, str] = {
    **dict.fromkeys(CampaignState, "default"),
    CampaignState.RUNNING: "info",
    CampaignState.COMPLETED: "success",
    CampaignState.PAUSED: "warning",
}
EDITABLE = (CampaignState.DRAFT, CampaignState.SCHEDULED)


@admin.register(Campaign)
class CampaignAdmin(RecordAdmin):
    """Whom, what, when, by whom; then how it goes."""

    visible_to = staticmethod(visible_campaigns)
    list_select_related = ("client", "segment", "template")
    list_display = ("name", "client", "state_label", "segment_name", "template", "next_run_at", "created_at")
    list_filter = ("client", "state", "channel")
    search_help_text = _("Beginning of a name, or a number")
    form = CampaignForm
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
    CHOICES: ClassVar[Mapping[type[models.Model], Any]] = {
        Client: visible_clients,
        Segment: visible_segments,
        Template: visible_templates,
        Sender: visible_senders,
        SenderPool: visible_sender_pools,
    }

    def search(self, text: str) -> models.Q:
        """A number is the campaign itself; anything else begins its name."""
        found = models.Q(name__istartswith=text)
        return found | models.Q(pk=int(text)) if text.isdecimal() and len(text) < 19 else found

    @display(description=_("state"), ordering="state", label=STATE_LABELS)
    def state_label(self, campaign: Campaign) -> tuple[str, str]:
        """The state, coloured by meaning."""
        return campaign.state, campaign.get_state_display()

    @admin.display(description=_("audience"))
    def segment_name(self, campaign: Campaign) -> str:
        """Its segment, or everybody."""
        return str(campaign.segment or _("everybody with an address"))

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest | None) -> Any:
        """Choices: what the reader sees of that record, whether or not it has an admin of its own."""
        selector = self.CHOICES.get(db_field.remote_field.model)
        if selector is None or request is None:
            return super().get_field_queryset(db, db_field, request)
        return selector(request.user)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["fields"] = PLAIN
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        fields = super().get_readonly_fields(request, obj)
        return fields if obj is None else (*fields, "client")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only what is not running can be edited."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.state in EDITABLE)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page to read; with `?edit=1` the form, where it may still be changed."""
        campaign = self.get_object(request, object_id) if self.has_view_permission(request) else None
        if campaign is None:
            raise Http404
        editing = request.method == "POST" or "edit" in request.GET
        if editing and self.has_change_permission(request, campaign):
            form: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
            return form
        links = self._links(request, self.buttons, "change_do", campaign)
        editable = self.has_change_permission(request, campaign)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(campaign),
            **campaign_context(campaign, request, links, editable=editable),
        }
        return TemplateResponse(request, "outreach/campaign.html", context)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """The form alone: buttons belong to the page."""
        response = super().render_change_form(request, context, *args, **kwargs)
        context["actions_detail"] = []
        return response

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self._to_page(obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self._to_page(obj)

    def _to_page(self, campaign: Campaign) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:outreach_campaign_change", args=(campaign.pk,)))

    def create_record(self, actor: Actor, cleaned: Mapping[str, Any], request: HttpRequest) -> Campaign:
        """Make a draft."""
        return create_campaign(order=order_from(cleaned["client"], cleaned), actor=actor)

    def change_record(
        self, actor: Actor, campaign: Campaign, cleaned: Mapping[str, Any], request: HttpRequest
    ) -> Campaign:
        """Change a draft or a scheduled campaign."""
        return change_campaign(campaign_id=campaign.pk, order=order_from(campaign.client, cleaned), actor=actor)
